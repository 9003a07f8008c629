import type { Accounting } from './accounting.ts';
import { describeEnd, endOf, type Sighting } from './job-states.ts';
import type { Look } from './queue.ts';
import type { End, Worker, WorkerId, WorkerState } from './types.ts';

/** A job that the queue has not shown in so many looks no longer counts as there. */
const GONE = 2;
/** So many ends of each name are remembered. */
const MOST_ENDS = 20;

interface Known {
  worker: Worker;
  /** An end that Slurm has said once, of this start. */
  said: { readonly end: End; readonly restarts: number } | undefined;
  /** Looks in a row that did not show it. */
  missed: number;
  /** Its end has been counted, or is older than this watch. */
  counted: boolean;
}

export interface Watch {
  /** A job that this process has submitted. */
  submitted(id: WorkerId, job: string): void;
  /** Takes in a look at the queue, and asks the accounting for what the queue no longer shows. */
  take(look: Look): Promise<void>;
  workers(): readonly Worker[];
  /** Jobs of this name that are queued, running, or not known not to be. */
  there(job: string): number;
  /** Those of all names. */
  thereInAll(): number;
  /** Nodes on which the last three jobs failed, one after the other. */
  failingNodes(): readonly string[];
  /** The last so many ends of jobs of this name, if all of them failed; the latest last. */
  failedInARow(job: string, many: number): readonly Worker[] | undefined;
  /** Makes a worker known that the caller has heard of elsewhere. */
  heardOf(id: WorkerId): void;
}

/** What is known of the jobs of one scope, from look to look. */
export function createWatch(accounting: Accounting): Watch {
  const known = new Map<WorkerId, Known>();
  const nodes = new Map<string, number>();
  const ends = new Map<string, Worker[]>();

  function learn(id: WorkerId, job: string, state: WorkerState, counted = false): Known {
    const one: Known = { worker: { ...state, id, job, restarts: 0 }, said: undefined, missed: 0, counted };
    known.set(id, one);
    return one;
  }

  function set(one: Known, state: WorkerState, restarts = one.worker.restarts): void {
    const { id, job } = one.worker;
    one.worker = { ...state, id, job, restarts };
    if (state.state !== 'ended' || one.counted) return;
    one.counted = true;
    const { end, node } = state;
    const failed = end === 'failed' || end === 'node-fail' || end === 'boot-fail';
    if (node !== undefined) {
      if (failed) nodes.set(node, (nodes.get(node) ?? 0) + 1);
      else if (end === 'completed') nodes.delete(node);
    }
    ends.set(job, [...(ends.get(job) ?? []).slice(-MOST_ENDS), one.worker]);
  }

  function see(one: Known, seen: Sighting): void {
    const { meaning, node, restarts } = seen;
    const end = endOf(seen);
    one.missed = 0;
    if (one.worker.job === '') one.worker = { ...one.worker, job: seen.job };
    if (end === undefined) {
      one.said = undefined;
      one.counted = false;
      if (meaning === 'queued') set(one, { state: 'queued', reason: seen.reason }, restarts);
      else if (meaning === 'running') set(one, { state: 'running', node: node ?? '' }, restarts);
      else set(one, unknown('once', `Slurm says ${seen.word}, which is not known here`), restarts);
      return;
    }
    const words = describeEnd(seen, end);
    const again = one.said?.end === end && one.said.restarts === restarts;
    one.said = { end, restarts };
    if (again) set(one, { state: 'ended', end, node, exitCode: seen.exitCode, words }, restarts);
    else set(one, unknown('once', `${words}; it is asked once more`), restarts);
  }

  function alive(one: Known): boolean {
    return one.worker.state !== 'ended' && one.missed < GONE;
  }

  return {
    submitted(id, job) {
      if (!known.has(id)) learn(id, job, { state: 'queued', reason: 'submitted' });
    },

    heardOf(id) {
      if (!known.has(id)) learn(id, '', unknown('once', `Slurm has not been asked yet about the job ${id}`));
    },

    async take(look) {
      if (!look.ok) {
        for (const one of known.values())
          if (one.worker.state !== 'ended' && one.missed === 0) set(one, unknown('no-answer', look.words));
        return;
      }
      for (const seen of look.jobs.values()) {
        const one = known.get(seen.id) ?? learn(seen.id, seen.job, unknown('once', ''), endOf(seen) !== undefined);
        // An end that is believed stays, unless a person has had the job started again.
        if (one.worker.state !== 'ended' || endOf(seen) === undefined) see(one, seen);
      }
      const vanished = [...known.values()].filter(
        ({ worker }) => worker.state !== 'ended' && !look.jobs.has(worker.id),
      );
      if (vanished.length === 0) return;
      const found = await accounting.lookUp(vanished.map(({ worker }) => worker.id));
      for (const one of vanished) {
        const { missed } = one;
        const seen = found.get(one.worker.id);
        // What the accounting still shows as running has ended without its knowledge, or not at all.
        if (seen !== undefined && endOf(seen) !== undefined) see(one, seen);
        else set(one, unknown('absent', `Slurm does not know what has become of the job ${one.worker.id}`));
        one.missed = missed + 1;
      }
    },

    workers: () => [...known.values()].map(({ worker }) => worker),
    there: (job) => [...known.values()].filter((one) => one.worker.job === job && alive(one)).length,
    thereInAll: () => [...known.values()].filter(alive).length,
    failingNodes: () => [...nodes].filter(([, failed]) => failed >= 3).map(([node]) => node),
    failedInARow(job, many) {
      const last = (ends.get(job) ?? []).slice(-many);
      const failed = last.every((worker) => worker.state === 'ended' && worker.end === 'failed');
      return last.length === many && failed ? last : undefined;
    },
  };
}

function unknown(because: 'absent' | 'no-answer' | 'once', words: string): WorkerState {
  return { state: 'unknown', because, words };
}
