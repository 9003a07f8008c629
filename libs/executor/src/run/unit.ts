import type { JsonObject } from '@sonde/base';
import type { TaskNode } from '@sonde/pipeline';
import type { Key, ResultRecord } from '@sonde/store';
import type { Job, JobLimits, JobListener, JobNeeds } from '../backends/backend.ts';
import type { Failure } from '../failure.ts';
import type { OrderInput } from '../spool/input.ts';
import type { Memory } from '../step.ts';

/** What a unit must know of its task. */
export type UnitTask = Pick<
  TaskNode,
  'id' | 'step' | 'outputs' | 'retries' | 'resources' | 'timeoutSeconds' | 'onFailure'
>;

/** One key to compute: a whole task, a shard of one, or the joining of its shards. */
export interface Unit {
  readonly task: UnitTask;
  readonly key: Key;
  readonly fingerprint: JsonObject;
  readonly needs: JobNeeds;
  /** Uses no device and asks for nothing: small enough to be done beside a run that gives work away. */
  readonly light: boolean;
  readonly limits: JobLimits;
  readonly listener: JobListener;
  /** Compute it even if the store has it (`--refresh`). */
  readonly force: boolean;
  job(place: { readonly scratch: string; readonly out: string; readonly memory: Memory }): Job;
  onStart(device: string, attempt: number): void;
  /** Told before the place is free again, so that nothing that must not starts. */
  onFailure(failure: Failure): void;
  /** Whether it need no longer be started: a shard whose sister has failed. */
  isPointless(): boolean;
  /** What its job reads. */
  inputs(): readonly OrderInput[];
  /** Throws where an input from outside is no longer what the fingerprint says. */
  checkInputs(): Promise<void>;
  /** Added to the seconds of its own work: those of its shards. */
  readonly secondsBefore: number;
  notes(): JsonObject;
}

/** What a key's computation gave; `hit`: another task or run had computed it meanwhile. */
export interface UnitResult {
  readonly record: ResultRecord;
  readonly hit: boolean;
  /** What this run's work on it took. */
  readonly seconds: number;
}

/** What a job has written, before it is published. */
export interface Done {
  /** A scratch folder of the store's. */
  readonly folder: string;
  /** The folder in it that holds the outputs. */
  readonly out: string;
  readonly device: string;
  /** ISO 8601, UTC. */
  readonly began: string;
  readonly seconds: number;
}
