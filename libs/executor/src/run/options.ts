import type { JsonObject } from '@sonde/base';
import type { TaskId } from '@sonde/pipeline';
import type { ResultRecord } from '@sonde/store';
import type { PlanOptions } from '../decide/options.ts';
import type { Failure } from '../failure.ts';
import type { Accelerator } from '../provider.ts';
import type { AwayOptions } from './away.ts';
import type { Counts, RunEvent } from './events.ts';

/** How a run is to go, whoever does its work. */
export interface ScheduleOptions extends PlanOptions {
  /** Tries an accelerator before work for one starts; what is wrong with it, or null. Default: it is taken to work. */
  readonly tryAccelerator?: (accelerator: Accelerator) => Promise<string | null>;
  /** After a failure go on with what does not depend on it. Otherwise nothing new is started and what runs may finish. */
  readonly keepGoing?: boolean;
  /** Consent to step kinds that run code which the pipeline brings. */
  readonly allowCode?: boolean;
  /** Aborted: nothing new starts, running steps are told to stop and get `graceSeconds` to finish. */
  readonly signal?: AbortSignal;
  /** Default: 2. */
  readonly graceSeconds?: number;
  /** Aborted (a second Ctrl-C): workers are killed at once. */
  readonly killSignal?: AbortSignal;
  /** A task without `timeout:` whose worker says and computes nothing for so long has stalled. Default: 1800. */
  readonly stallSeconds?: number;
  /**
   * Outputs that the caller will read when the run is over. Their content is checked at its end, before
   * `run.finished`, and what is damaged is computed again; one that cannot be has no record in the result.
   */
  readonly exports?: readonly { readonly task: TaskId; readonly output: string }[];
  /** Other processes do the work: workers on this host and others, which find it in the store. */
  readonly away?: AwayOptions;
  /** Added to the run's metadata in the store: command, version of Sonde, … Never secrets. */
  readonly metadata?: JsonObject;
}

export interface RunResult {
  readonly run: string;
  readonly status: 'succeeded' | 'failed' | 'interrupted';
  readonly counts: Counts;
  /** The result of every task that was cached or ran. */
  readonly records: ReadonlyMap<TaskId, ResultRecord>;
  /** Where `isMachineFault(code)`, the store or the machine is at fault, not the step. */
  readonly failures: ReadonlyMap<TaskId, Failure>;
  readonly seconds: number;
}

export interface RunHandle {
  /** Each event once, for one reader; ends after `run.finished`, or, where `result` rejects, without it. */
  readonly events: AsyncIterable<RunEvent>;
  /** Rejects with `RunRefused` before anything has started, or with the store's error where it cannot record the run. */
  readonly result: Promise<RunResult>;
}
