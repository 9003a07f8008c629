import type { JsonObject } from '@sonde/base';
import type { DataSources } from '@sonde/data';
import type { SourceRange, TaskId } from '@sonde/pipeline';
import type { Key, ResultRecord, Store } from '@sonde/store';
import type { Accelerator } from './backends/local/devices.ts';
import type { Counts, Failure, FieldChange, Reason, RunEvent } from './run/events.ts';
import type { StepKind } from './step.ts';

/** What deciding needs. For `planGraph` and `explainTask` open the store read-only: then nothing at all is written. */
export interface PlanOptions {
  readonly store: Store;
  readonly kinds: ReadonlyMap<string, StepKind>;
  readonly sources: DataSources;
  /** Step ids or task ids: only they and what they need. All tasks where absent or empty. */
  readonly targets?: readonly string[];
  /** Devices beside the CPU, all of one provider. Default: none. */
  readonly accelerators?: readonly Accelerator[];
  /** Step ids whose tasks run although their results are in the store. */
  readonly refresh?: readonly string[];
}

export interface PlannedTask {
  readonly task: TaskId;
  readonly step: string;
  readonly kind: string;
  readonly state: 'cached' | 'run' | 'unknown';
  readonly reason: Reason;
  /** Absent where `state` is `unknown`. */
  readonly key?: Key;
  readonly fingerprint?: JsonObject;
  /** The result, where `state` is `cached`. */
  readonly record?: ResultRecord;
}

export interface Plan {
  /** In the graph's order. */
  readonly tasks: readonly PlannedTask[];
  readonly summary: { readonly cached: number; readonly run: number; readonly unknown: number };
}

export interface RunOptions extends PlanOptions {
  /** A JavaScript file that calls `serveWorker(kinds)`; every worker process runs it. */
  readonly workerEntry: string | URL;
  /** Tries an accelerator before work for one starts; what is wrong with it, or null. Default: it is taken to work. */
  readonly tryAccelerator?: (accelerator: Accelerator) => Promise<string | null>;
  /** Worker processes on the CPU at most; an accelerator has one more. Default: the machine's cores. */
  readonly jobs?: number;
  /** Intra-op threads of all workers together. Default: the machine's cores. */
  readonly threadsTotal?: number;
  /** After a failure go on with what does not depend on it. Otherwise nothing new is started and what runs may finish. */
  readonly keepGoing?: boolean;
  /** Consent to step kinds that run code which the pipeline brings. */
  readonly allowCode?: boolean;
  /** Aborted: nothing new starts, running steps are told to stop and get two seconds to finish. */
  readonly signal?: AbortSignal;
  /** Aborted (a second Ctrl-C): workers are killed at once. */
  readonly killSignal?: AbortSignal;
  /** A task without `timeout:` whose worker says nothing for so long has stalled. Default: 1800. */
  readonly stallSeconds?: number;
  /**
   * Outputs that the caller will read when the run is over. Their content is checked at its end, before
   * `run.finished`, and what is damaged is computed again; one that cannot be has no record in the result.
   */
  readonly exports?: readonly { readonly task: TaskId; readonly output: string }[];
  /** Added to the environment of the workers. */
  readonly env?: Readonly<Record<string, string>>;
  /** Added to the run's metadata in the store: command, version of Sonde, … Never secrets. */
  readonly metadata?: JsonObject;
}

export interface RunResult {
  readonly run: string;
  readonly status: 'succeeded' | 'failed' | 'interrupted';
  readonly counts: Counts;
  /** The result of every task that was cached or ran. */
  readonly records: ReadonlyMap<TaskId, ResultRecord>;
  /** A failure with code `store` means that the store or the machine is at fault, not the step. */
  readonly failures: ReadonlyMap<TaskId, Failure>;
  readonly seconds: number;
}

export interface RunHandle {
  /** Each event once, for one reader; ends after `run.finished`, or, where `result` rejects, without it. */
  readonly events: AsyncIterable<RunEvent>;
  /** Rejects with `RunRefused` before anything has started, or with the store's error where it cannot record the run. */
  readonly result: Promise<RunResult>;
}

export interface Explanation {
  readonly task: TaskId;
  readonly step: string;
  readonly kind: string;
  readonly state: PlannedTask['state'];
  readonly reason: Reason;
  readonly key?: Key;
  readonly fingerprint?: JsonObject;
  /** This fingerprint's own result, where there is one. */
  readonly record?: ResultRecord;
  /** The nearest earlier result with another fingerprint, and how this one differs from it. */
  readonly nearest?: ResultRecord;
  readonly changes: readonly FieldChange[];
}

/** Why a graph cannot be planned or run on this machine as it is. */
export interface RefusedProblem {
  /** `data`: a file or reference is not usable; `code`: no consent; `device`: not given, or not usable; `target`: no such step. */
  readonly code: 'data' | 'code' | 'device' | 'target';
  readonly message: string;
  readonly hint?: string;
  readonly step?: string;
  readonly task?: TaskId;
  /** Where in the pipeline file. */
  readonly range?: SourceRange;
}

/** Nothing was started: the file, an option or the data it names is invalid. Says all problems at once. */
export class RunRefused extends Error {
  readonly problems: readonly RefusedProblem[];
  constructor(problems: readonly RefusedProblem[]) {
    super(problems.map((problem) => problem.message).join('\n'));
    this.name = 'RunRefused';
    this.problems = problems;
  }
}
