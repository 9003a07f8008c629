import type { Accelerator } from '../../provider.ts';
import type { Device } from '../../step.ts';
import { deviceEnvironment } from './visible-devices.ts';

/** A device lent to one worker process for as long as the process lives; several for a step that needs several. */
export interface DeviceLease {
  readonly name: string;
  readonly device: Device;
  /** What makes the process see this device alone. */
  readonly env: Readonly<Record<string, string>>;
  /** What other processes of this machine are kept from meanwhile. */
  readonly card?: string;
}

/** Leases of this machine's CPU, with the threads shared out evenly. */
export function cpuLeases(jobs: number, threadsTotal: number): DeviceLease[] {
  const threads = Math.max(1, Math.floor(threadsTotal / jobs));
  return Array.from({ length: jobs }, () => ({ name: 'cpu', device: { provider: 'cpu', threads }, env: {} }));
}

/** One lease a device, with the threads shared out evenly. */
export function acceleratorLeases(
  accelerators: readonly Accelerator[],
  threadsTotal: number,
  env: Readonly<Record<string, string | undefined>>,
): DeviceLease[] {
  const threads = Math.max(1, Math.floor(threadsTotal / Math.max(1, accelerators.length)));
  return accelerators.map((accelerator) => {
    const { provider, index, card } = accelerator;
    const name = provider === 'cuda' ? `cuda:${index}` : provider;
    const device = { provider, threads };
    return { name, device, env: deviceEnvironment(accelerator, env), ...(card === undefined ? {} : { card }) };
  });
}

/** Several devices for one process: it sees them all, and counts them from 0 in this order. */
export function joinLeases(leases: readonly DeviceLease[]): DeviceLease {
  const [first, ...others] = leases as [DeviceLease, ...DeviceLease[]];
  if (others.length === 0) return first;
  const visible = leases.flatMap(({ env }) => env.CUDA_VISIBLE_DEVICES ?? []).join(',');
  const numbers = others.map(({ name }) => name.slice(name.indexOf(':') + 1));
  return {
    name: [first.name, ...numbers].join(','),
    device: { ...first.device, threads: leases.reduce((sum, { device }) => sum + device.threads, 0) },
    env: visible === '' ? first.env : { ...first.env, CUDA_VISIBLE_DEVICES: visible },
  };
}
