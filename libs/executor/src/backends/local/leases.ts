import type { Accelerator } from '../../provider.ts';
import type { Device } from '../../step.ts';

/** A device lent to one worker process for as long as the process lives. */
export interface DeviceLease {
  readonly name: string;
  readonly device: Device;
  /** What makes the process see this device alone. */
  readonly env: Readonly<Record<string, string>>;
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
