import { availableParallelism } from 'node:os';
import type { Accelerator } from '../../provider.ts';
import type { Backend } from '../backend.ts';
import { createJobQueue } from './job-queue.ts';
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

/** Worker processes of this machine: for the CPU, and one for each accelerator. None is started before it has a job. */
export function createLocalBackend(options: LocalOptions): Backend {
  const { jobs = availableParallelism(), threadsTotal = availableParallelism(), accelerators = [] } = options;
  const cpu = createLane(cpuLeases(jobs, threadsTotal), options);
  const devices = acceleratorLeases(accelerators, threadsTotal, process.env);
  const accelerated = devices.length === 0 ? cpu : createLane(devices, options);
  const pools = new Set([cpu.pool, accelerated.pool]);
  return {
    lend(needs, use) {
      const { pool, queue } = needs.provider === 'cpu' ? cpu : accelerated;
      const inTurn = async () => {
        // Before anything is waited for: the next job is chosen by what the other workers have.
        const seat = pool.take(needs.affinity, needs.runsCode);
        try {
          return await use({ device: seat.device, perform: (...job) => seat.worker().perform(...job) });
        } finally {
          seat.leave();
        }
      };
      return queue.add(inTurn, { ...needs, isBegun: () => needs.isBegun() });
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
function createLane(leases: readonly DeviceLease[], { workerEntry, env = {} }: LocalOptions) {
  const pool = createPool(leases, workerEntry, env);
  return { pool, queue: createJobQueue(pool) };
}
