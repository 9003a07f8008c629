import PQueue, { type Queue, type QueueAddOptions } from 'p-queue';
import type { WorkerPool } from './pool.ts';

export interface JobOptions extends QueueAddOptions {
  /** The highest goes first. */
  readonly rank: number;
  readonly affinity: string | undefined;
}

type Run = () => Promise<unknown>;

/**
 * The queue of jobs for the pool's workers: as many at a time as there are workers. First what a free worker has
 * loaded, then by rank, then in the order they came.
 */
export function createJobQueue(pool: WorkerPool): PQueue<Queue<Run, JobOptions>, JobOptions> {
  class AffinityQueue implements Queue<Run, JobOptions> {
    readonly #waiting: { readonly run: Run; readonly options: JobOptions }[] = [];

    get size() {
      return this.#waiting.length;
    }

    enqueue(run: Run, options?: Partial<JobOptions>) {
      this.#waiting.push({ run, options: { ...options, rank: options?.rank ?? 0, affinity: options?.affinity } });
    }

    dequeue() {
      const loaded = pool.idleAffinities();
      let best = 0;
      for (let index = 1; index < this.#waiting.length; index++) {
        if (isBefore(this.#waiting[index]!.options, this.#waiting[best]!.options, loaded)) best = index;
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

function isBefore(a: JobOptions, b: JobOptions, loaded: ReadonlySet<string>): boolean {
  const fits = (job: JobOptions) => job.affinity !== undefined && loaded.has(job.affinity);
  if (fits(a) !== fits(b)) return fits(a);
  return a.rank > b.rank;
}
