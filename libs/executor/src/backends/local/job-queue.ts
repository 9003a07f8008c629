import type { JobNeeds } from '../backend.ts';
import type { Seat, WorkerPool } from './pool.ts';

export type QueuedNeeds = Omit<JobNeeds, 'provider'>;

/** The jobs that wait for the pool's workers. */
export interface JobQueue {
  /** Waits for the turn, and keeps the seat for as long as `use` takes. */
  lend<T>(needs: QueuedNeeds, use: (seat: Seat) => Promise<T>): Promise<T>;
  /** Gives what is free to who is next: called when anything has become free. */
  dispatch(): void;
  /** Nothing can be had any more: fails whoever waits. */
  fail(error: unknown): void;
}

interface Waiting {
  readonly needs: QueuedNeeds;
  start(seat: Seat): void;
  fail(error: unknown): void;
}

/**
 * Which waiting job is next. First what completes a task, then what needs most devices, then what a free worker has
 * loaded, then the longest chain. Among chains of the same length: rather what no other worker has loaded, so that one
 * model is not loaded twice while others wait; rather what is begun; then by rank, then in the order they came.
 *
 * For a job that needs several devices those that become free are kept, as long as the others are busy with jobs of this
 * run: these end. What other processes have may take for ever, so meanwhile smaller jobs go on.
 */
export function createJobQueue(pool: WorkerPool): JobQueue {
  const waiting: Waiting[] = [];
  let dispatching = false;

  function dispatch(): void {
    // What starts a job may call for the next.
    if (dispatching) return;
    dispatching = true;
    try {
      const lacking = startAll();
      if (lacking === undefined) pool.yieldFree('all');
      else if (!isOwn(lacking)) pool.yieldFree('later');
      const needed = waiting.reduce((sum, { needs }) => sum + needs.devices, 0);
      pool.want(needed - pool.free());
    } finally {
      dispatching = false;
    }
  }
  /** Starts what can be; the job that devices are gathered for, if any. */
  function startAll(): Waiting | undefined {
    for (;;) {
      const next = nextOf(waiting, pool);
      if (next === undefined) return undefined;
      const able = next.needs.devices <= pool.free() ? next : undefined;
      const starting = able ?? (isOwn(next) ? undefined : nextOf(waiting, pool, pool.free()));
      if (starting === undefined) return next;
      start(starting);
    }
  }
  /** Whether all that it needs is free, or becomes free by the end of this run's jobs. */
  function isOwn({ needs }: Waiting): boolean {
    return needs.devices <= pool.free() + pool.busy();
  }
  function start(job: Waiting): void {
    waiting.splice(waiting.indexOf(job), 1);
    job.start(pool.take(job.needs));
  }

  return {
    lend(needs, use) {
      return new Promise((resolve, reject) => {
        waiting.push({
          needs,
          fail: reject,
          start(seat) {
            const done = Promise.resolve(use(seat)).then(resolve, reject);
            done.finally(() => {
              seat.leave();
              dispatch();
            });
          },
        });
        dispatch();
      });
    },
    dispatch,
    fail(error) {
      for (const job of waiting.splice(0)) job.fail(error);
    },
  };
}

/** The job that goes before all others; where a number of devices is given, of those that can do with it. */
function nextOf(
  waiting: readonly Waiting[],
  pool: WorkerPool,
  devices = Number.POSITIVE_INFINITY,
): Waiting | undefined {
  const [idle, busy] = [pool.idleAffinities(), pool.busyAffinities()];
  let best: { readonly job: Waiting; readonly standing: Standing } | undefined;
  for (const job of waiting) {
    if (job.needs.devices > devices) continue;
    const standing = standingOf(job.needs, idle, busy);
    if (best === undefined || isBefore(standing, best.standing)) best = { job, standing };
  }
  return best?.job;
}

/** What decides, most weighty first; the greater number goes first. */
type Standing = readonly number[];

function standingOf(
  { completes, devices, rank, affinity, isBegun }: QueuedNeeds,
  idle: ReadonlySet<string>,
  busy: ReadonlySet<string>,
): Standing {
  const fits = affinity !== undefined && idle.has(affinity);
  const elsewhere = affinity !== undefined && busy.has(affinity);
  return [Number(completes), devices, Number(fits), Math.ceil(rank), Number(!elsewhere), Number(isBegun()), rank];
}

function isBefore(a: Standing, b: Standing): boolean {
  const differs = a.findIndex((value, index) => value !== b[index]);
  return differs >= 0 && a[differs]! > b[differs]!;
}
