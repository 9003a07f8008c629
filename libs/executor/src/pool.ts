import { type DeviceLease, startWorker, type Worker } from './worker.ts';

/** The worker processes of a run: one a device lease, started when first needed, kept until the run ends. */
export interface WorkerPool {
  readonly size: number;
  /** What the workers without a job have loaded. */
  idleAffinities(): ReadonlySet<string>;
  /** A worker for a job: one that has loaded what the job needs, if any has. At most `size` are lent at a time. */
  lend(affinity: string | undefined): Worker;
  giveBack(worker: Worker, loaded: string | undefined): void;
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

  const forgetDead = () => {
    for (const worker of idle) if (!worker.alive) free.push(worker.lease);
    idle = idle.filter((worker) => worker.alive);
  };
  const choose = (affinity: string | undefined): Worker | undefined => {
    const fitting = idle.find((worker) => worker.loaded === affinity);
    if (fitting !== undefined) return fitting;
    // What is loaded stays loaded while there is room for another worker.
    const blank = idle.find((worker) => worker.loaded === undefined);
    if (affinity === undefined || blank !== undefined || free.length === 0) return blank ?? idle[0];
    return undefined;
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
    lend(affinity) {
      forgetDead();
      let worker = choose(affinity);
      if (worker === undefined) {
        const lease = free.shift();
        if (lease === undefined) throw new Error('More workers are asked for than there are device leases.');
        worker = startWorker(entry, lease, env);
      } else {
        idle = idle.filter((other) => other !== worker);
      }
      busy.add(worker);
      return worker;
    },
    giveBack(worker, loaded) {
      busy.delete(worker);
      if (!worker.alive) {
        worker.kill();
        free.push(worker.lease);
        return;
      }
      worker.loaded = loaded ?? worker.loaded;
      idle.push(worker);
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

/** Leases of this machine's CPU, with the threads shared out evenly. */
export function cpuLeases(jobs: number, threadsTotal: number): DeviceLease[] {
  const threads = Math.max(1, Math.floor(threadsTotal / jobs));
  return Array.from({ length: jobs }, () => ({ name: 'cpu', device: { provider: 'cpu', threads }, env: {} }));
}
