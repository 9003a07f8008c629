import type { TaskId } from '@sonde/pipeline';
import type { Key, ResultRecord, Store } from '@sonde/store';
import type PQueue from 'p-queue';
import type { createJobQueue } from '../backends/local/job-queue.ts';
import type { WorkerPool } from '../backends/local/pool.ts';
import type { DecideContext } from '../decide/decide.ts';
import type { RunOptions } from '../options.ts';
import type { Provider } from '../step.ts';
import type { RunEvent } from './events.ts';

type WithoutTime<E> = E extends RunEvent ? Omit<E, 'time'> : never;
export type EventBody = WithoutTime<RunEvent>;

/** Why no new work is started. `store`: the store or the disk is at fault, and going on would only fail again. */
export type StopReason = 'failure' | 'interrupted' | 'store';

/** Whether the run still starts work. The first reason to stop stands, but an interruption overrides a failure. */
export interface Stop {
  readonly reason: StopReason | undefined;
  /** The tasks whose failure stops the run. */
  readonly because: readonly TaskId[];
  /** Aborts with the first reason: ends the waiting for other runs. */
  readonly signal: AbortSignal;
  set(reason: StopReason, task?: TaskId): void;
}

export function createStop(): Stop {
  const controller = new AbortController();
  let reason: StopReason | undefined;
  const because = new Set<TaskId>();
  return {
    get reason() {
      return reason;
    },
    get because() {
      return [...because];
    },
    signal: controller.signal,
    set(next, task) {
      if (task !== undefined) because.add(task);
      if (reason === undefined || next === 'interrupted') reason = next;
      controller.abort();
    },
  };
}

/** What a key's computation gave; `hit`: another task or run had computed it meanwhile. */
export interface UnitResult {
  readonly record: ResultRecord;
  readonly hit: boolean;
  /** What a worker of this run spent on it. */
  readonly seconds: number;
}

/** The workers of one kind of device, and the jobs that wait for them. */
export interface Lane {
  readonly pool: WorkerPool;
  readonly jobs: ReturnType<typeof createJobQueue>;
}

/** A run under way: what its parts share. */
export interface Execution {
  readonly run: string;
  readonly store: Store;
  readonly options: RunOptions;
  readonly stallSeconds: number;
  readonly context: DecideContext;
  readonly ranks: ReadonlyMap<TaskId, number>;
  laneOf(provider: Provider): Lane;
  /** Reading and checking of inputs, a few at a time. */
  readonly reading: PQueue;
  /** Keys being computed, or computed, by this run: no key twice. */
  readonly units: Map<Key, Promise<UnitResult>>;
  /** The tasks that are being divided into shards now. Nobody of them waits for a worker. */
  readonly dividing: Set<Promise<unknown>>;
  readonly records: Map<TaskId, ResultRecord>;
  readonly stop: Stop;
  /** Describes every task upstream of a task. */
  recordsUpstream(task: TaskId): ResultRecord[];
  emit(event: EventBody): void;
  /** Computes a task again whose stored bytes turned out damaged; at most once a run. Rejects where that fails. */
  repair(task: TaskId): Promise<void>;
}
