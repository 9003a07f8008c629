import { availableParallelism } from 'node:os';
import type { Accelerator } from '../../provider.ts';
import type { Backend, DeviceHolder } from '../backend.ts';
import { createDeviceLocks } from './device-locks.ts';
import { createJobQueue, type JobQueue } from './job-queue.ts';
import { acceleratorLeases, cpuLeases, type DeviceLease } from './leases.ts';
import { createPool } from './pool.ts';

export interface LocalOptions {
  /** A JavaScript file that calls `serveWorker(kinds)`; every worker process runs it. */
  readonly workerEntry: string | URL;
  /** Devices beside the CPU, each with one worker. Default: none. */
  readonly accelerators?: readonly Accelerator[];
  /** Worker processes on the CPU at most; an accelerator has one more. Default: the machine's cores. */
  readonly jobs?: number;
  /** Intra-op threads of all workers together. Default: the machine's cores. */
  readonly threadsTotal?: number;
  /** Added to the environment of the workers. */
  readonly env?: Readonly<Record<string, string>>;
}

type OnHeld = (device: string, holder: DeviceHolder) => void;

/** Worker processes of this machine: for the CPU, and one for each accelerator. None is started before it has a job. */
export function createLocalBackend(options: LocalOptions, onHeld: OnHeld): Backend {
  const { jobs = availableParallelism(), threadsTotal = availableParallelism(), accelerators = [] } = options;
  const cpu = createLane(cpuLeases(jobs, threadsTotal), options, onHeld);
  const devices = acceleratorLeases(accelerators, threadsTotal, process.env);
  const accelerated = devices.length === 0 ? cpu : createLane(devices, options, onHeld);
  const pools = new Set([cpu.pool, accelerated.pool]);
  return {
    lend({ provider, ...needs }, use) {
      const { queue } = provider === 'cpu' ? cpu : accelerated;
      return queue.lend(needs, (seat) =>
        use({ device: seat.device, perform: async (...job) => (await seat.worker()).perform(...job) }),
      );
    },
    abort() {
      for (const pool of pools) pool.abort();
    },
    kill() {
      for (const pool of pools) pool.kill();
    },
  };
}

/** The workers of one kind of device, and the jobs that wait for them. */
function createLane(leases: readonly DeviceLease[], { workerEntry, env = {} }: LocalOptions, onHeld: OnHeld) {
  const pool = createPool(leases, {
    entry: workerEntry,
    env,
    locks: createDeviceLocks(),
    onHeld,
    onFree: () => queue.dispatch(),
    onFailure: (error) => queue.fail(error),
  });
  const queue: JobQueue = createJobQueue(pool);
  return { pool, queue };
}
