import type { JsonObject, JsonValue } from '@sonde/base';
import type { Digest, Key } from '../disk/digest.ts';

/** What a run says of itself when it begins. */
export interface RunMeta {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The pipeline file, as the person named it, and the digest of its text; absent where the graph came without one. */
  readonly file?: string;
  readonly digest?: Digest;
  readonly params: JsonObject;
  /** Task → key, where the key is known before the run. */
  readonly plan: { readonly [task: string]: Key | null };
}

export interface RunFinish {
  readonly status: 'succeeded' | 'failed' | 'interrupted';
  readonly counts: { readonly [name: string]: number };
  readonly seconds: number;
}

export interface RunLog {
  /** Sorts by time: `20261123-041500-abc123`. */
  readonly id: string;
  /**
   * Adds a line to the run's events; written within a fifth of a second. An event's field `key` ties the run to that
   * result, so that garbage collection keeps it. A failed write is thrown by `finish`.
   */
  append(event: JsonValue): void;
  finish(summary: RunFinish): Promise<void>;
}

export interface RunSummary {
  readonly id: string;
  readonly pipeline: string;
  readonly file?: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  /**
   * As the run finished; else `running`, `died` (its process is gone) or `unknown` (it runs on a host that cannot be
   * asked and was silent for long).
   */
  readonly status: RunFinish['status'] | 'running' | 'died' | 'unknown';
  readonly finished?: string;
  readonly counts?: RunFinish['counts'];
  readonly seconds?: number;
}

export interface RunDetail extends RunSummary {
  readonly meta: RunMeta;
  /** Whole lines of `events.jsonl`, in order. A line cut off by a kill is left out. */
  readonly events: readonly JsonValue[];
  /** Lines that are not JSON, a cut-off last one included. */
  readonly damagedLines: number;
}

export interface Runs {
  create(meta: RunMeta): Promise<RunLog>;
  /** Newest first. */
  list(): Promise<RunSummary[]>;
  /** A StoreError where there is no such run. */
  open(id: string): Promise<RunDetail>;
}
