import PQueue, { type Queue, type QueueAddOptions } from 'p-queue';
import type { JobNeeds } from '../backend.ts';
import type { WorkerPool } from './pool.ts';

export type JobOptions = QueueAddOptions & Pick<JobNeeds, 'completes' | 'rank' | 'affinity' | 'isBegun'>;

type Run = () => Promise<unknown>;

interface Waiting {
  readonly run: Run;
  readonly options: JobOptions;
}

/**
 * The queue of jobs for the pool's workers: as many at a time as there are workers. First what completes a task, then
 * what a free worker has loaded, then the longest chain. Among chains of the same length: rather what no other worker
 * has loaded, so that one model is not loaded twice while others wait; rather what is begun; then by rank, then in the
 * order they came.
 */
export function createJobQueue(pool: WorkerPool): PQueue<Queue<Run, JobOptions>, JobOptions> {
  class AffinityQueue implements Queue<Run, JobOptions> {
    readonly #waiting: Waiting[] = [];

    get size() {
      return this.#waiting.length;
    }

    enqueue(run: Run, options?: Partial<JobOptions>) {
      const { completes = false, rank = 0, affinity, isBegun = () => false } = options ?? {};
      this.#waiting.push({ run, options: { ...options, completes, rank, affinity, isBegun } });
    }

    dequeue() {
      const [idle, busy] = [pool.idleAffinities(), pool.busyAffinities()];
      const standings = this.#waiting.map(({ options }) => standingOf(options, idle, busy));
      let best = 0;
      for (let index = 1; index < standings.length; index++) {
        if (isBefore(standings[index]!, standings[best]!)) best = index;
      }
      return this.#waiting.splice(best, 1)[0]?.run;
    }

    filter(options: Readonly<Partial<JobOptions>>) {
      return this.#waiting.filter((job) => job.options.rank === options.rank).map((job) => job.run);
    }

    setPriority(): void {
      throw new Error('A job has a rank from the graph; it does not change.');
    }
  }
  return new PQueue({ concurrency: pool.size, queueClass: AffinityQueue });
}

/** What decides, most weighty first; the greater number goes first. */
type Standing = readonly number[];

function standingOf(
  { completes, rank, affinity, isBegun }: JobOptions,
  idle: ReadonlySet<string>,
  busy: ReadonlySet<string>,
): Standing {
  const fits = affinity !== undefined && idle.has(affinity);
  const elsewhere = affinity !== undefined && busy.has(affinity);
  return [Number(completes), Number(fits), Math.ceil(rank), Number(!elsewhere), Number(isBegun()), rank];
}

function isBefore(a: Standing, b: Standing): boolean {
  const differs = a.findIndex((value, index) => value !== b[index]);
  return differs >= 0 && a[differs]! > b[differs]!;
}
