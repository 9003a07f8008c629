import type { TaskNode } from '@sonde/pipeline';
import type { Provider, StepKind } from '../../step.ts';
import type { DeviceLease } from './worker.ts';

/** A device beside the CPU that steps may compute on. */
export interface Accelerator {
  readonly provider: Exclude<Provider, 'cpu'>;
  /** Which of the devices that this process may use, from 0: `CUDA_VISIBLE_DEVICES` of its environment counts. */
  readonly index: number;
}

/**
 * Who computes a task: the accelerators where its step asks for a GPU, or where its kind can use one and the step does
 * not ask for the CPU. All accelerators of a run have one provider.
 */
export function providerOf(task: TaskNode, kind: StepKind, accelerators: readonly Accelerator[] = []): Provider {
  const { device } = task.resources;
  const wanted = device === 'gpu' || (device === 'any' && kind.usesDevice === true);
  return wanted ? (accelerators[0]?.provider ?? 'cpu') : 'cpu';
}

/** Leases of this machine's CPU, with the threads shared out evenly. */
export function cpuLeases(jobs: number, threadsTotal: number): DeviceLease[] {
  const threads = Math.max(1, Math.floor(threadsTotal / jobs));
  return Array.from({ length: jobs }, () => ({ name: 'cpu', device: { provider: 'cpu', threads }, env: {} }));
}

/** What makes a process see this device alone; its number is then the one that nvidia-smi gives it. */
export function deviceEnvironment(
  { provider, index }: Accelerator,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  if (provider !== 'cuda') return {};
  const visible = env.CUDA_VISIBLE_DEVICES?.split(',').map((name) => name.trim());
  return {
    CUDA_DEVICE_ORDER: env.CUDA_DEVICE_ORDER ?? 'PCI_BUS_ID',
    // Past the end of the list nothing is visible, and CUDA says that there is no device.
    CUDA_VISIBLE_DEVICES: visible ? (visible[index] ?? '') : String(index),
  };
}

/** One lease a device, with the threads shared out evenly. */
export function acceleratorLeases(
  accelerators: readonly Accelerator[],
  threadsTotal: number,
  env: Readonly<Record<string, string | undefined>>,
): DeviceLease[] {
  const threads = Math.max(1, Math.floor(threadsTotal / Math.max(1, accelerators.length)));
  return accelerators.map((accelerator) => {
    const { provider, index } = accelerator;
    const name = provider === 'cuda' ? `cuda:${index}` : provider;
    return { name, device: { provider, threads }, env: deviceEnvironment(accelerator, env) };
  });
}
