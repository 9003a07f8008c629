import type { DeviceLease } from './leases.ts';
import { startWorker, type Worker } from './worker.ts';

/** One job's right to a worker, from the moment the job is chosen. */
export interface Seat {
  /** The name of the device that it has. */
  readonly device: string;
  /** The worker; started when first asked for, and replaced where it has died. */
  worker(): Worker;
  /** Gives the worker back. */
  leave(): void;
}

/** The worker processes of a run: one a device lease, started when first needed, kept until the run ends. */
export interface WorkerPool {
  readonly size: number;
  /** What the workers without a job have loaded. */
  idleAffinities(): ReadonlySet<string>;
  /** What the workers with a job have loaded, or are about to load. */
  busyAffinities(): ReadonlySet<string>;
  /**
   * A place for a job: at a worker that has loaded what the job needs, if any has. At most `size` are taken at a time.
   * It is taken at once, so that two jobs chosen for the same loaded worker cannot be.
   *
   * @param bare for a job that runs programs of the pipeline's: at a worker that holds no secrets
   */
  take(affinity: string | undefined, bare: boolean): Seat;
  /** Tells every running step to stop. */
  abort(): void;
  /** Ends all processes at once. */
  kill(): void;
}

export function createPool(
  leases: readonly DeviceLease[],
  entry: string | URL,
  env: Readonly<Record<string, string>>,
): WorkerPool {
  const free = [...leases];
  let idle: Worker[] = [];
  const busy = new Set<Worker>();
  const taken = new Map<Seat, () => string | undefined>();

  const forgetDead = () => {
    for (const worker of idle) if (!worker.alive) free.push(worker.lease);
    idle = idle.filter((worker) => worker.alive);
  };
  const choose = (affinity: string | undefined, bare: boolean): Worker | undefined => {
    const able = idle.filter((worker) => worker.bare === bare);
    const fitting = able.find((worker) => worker.loaded === affinity);
    if (fitting !== undefined) return fitting;
    // What is loaded stays loaded while there is room for another worker.
    const blank = able.find((worker) => worker.loaded === undefined);
    if (affinity === undefined || blank !== undefined || free.length === 0) return blank ?? able[0];
    return undefined;
  };
  /** The place of a worker that can do none of the jobs that are to come next. */
  const replaced = (): DeviceLease | undefined => {
    const worker = idle.shift();
    worker?.kill();
    return worker?.lease;
  };
  const killAll = () => {
    for (const worker of [...idle, ...busy]) worker.kill();
  };
  // A process that ends without having ended its run leaves no workers behind.
  process.on('exit', killAll);

  return {
    size: leases.length,
    idleAffinities() {
      return new Set(idle.flatMap((worker) => worker.loaded ?? []));
    },
    busyAffinities() {
      return new Set([...taken.values()].flatMap((affinityOf) => affinityOf() ?? []));
    },
    take(affinity, bare) {
      forgetDead();
      let worker = choose(affinity, bare);
      const lease = worker?.lease ?? free.shift() ?? replaced();
      if (lease === undefined) throw new Error('More workers are asked for than there are device leases.');
      if (worker !== undefined) {
        idle = idle.filter((other) => other !== worker);
        busy.add(worker);
      }
      const seat: Seat = {
        device: lease.name,
        worker() {
          if (worker?.alive !== true) {
            if (worker !== undefined) busy.delete(worker);
            worker?.kill();
            worker = startWorker(entry, lease, env, bare);
            busy.add(worker);
          }
          worker.loaded = affinity ?? worker.loaded;
          return worker;
        },
        leave() {
          if (!taken.delete(seat)) return;
          if (worker !== undefined) busy.delete(worker);
          if (worker?.alive === true) {
            idle.push(worker);
          } else {
            worker?.kill();
            free.push(lease);
          }
        },
      };
      taken.set(seat, () => affinity ?? worker?.loaded);
      return seat;
    },
    abort() {
      for (const worker of busy) worker.abort();
    },
    kill() {
      killAll();
      process.off('exit', killAll);
    },
  };
}
