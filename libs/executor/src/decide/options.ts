import type { JsonObject } from '@sonde/base';
import type { DataSources } from '@sonde/data';
import type { TaskId } from '@sonde/pipeline';
import type { Key, ResultRecord, Store } from '@sonde/store';
import type { Accelerator } from '../provider.ts';
import type { StepKind } from '../step.ts';
import type { FieldChange, Reason } from './reason.ts';

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
