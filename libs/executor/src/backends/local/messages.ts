import type { Fault, JsonValue } from '@sonde/base';
import type { Ancestor, Device, RunConfig } from '../../step.ts';

/** One piece of work for a worker process: a whole task, a shard of it, or the joining of its shards. */
export type Job =
  | {
      readonly type: 'run';
      readonly kind: string;
      readonly config: RunConfig;
      readonly shard?: JsonValue;
      readonly device: Device;
      readonly scratch: string;
      /** The folder that outputs are written into, each under its name. */
      readonly out: string;
      readonly pipeline?: { readonly name: string; readonly description: string };
      readonly ancestors?: readonly Ancestor[];
    }
  | {
      readonly type: 'combine';
      readonly kind: string;
      readonly config: RunConfig;
      readonly parts: readonly Readonly<Record<string, string>>[];
      readonly out: string;
    };

/** What the parent process sends. A worker has one job at a time. */
export type ToWorker = Job | { readonly type: 'abort' };

/** What a worker sends while it has a job; `done` or `failed` ends the job. */
export type FromWorker =
  | { readonly type: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warning'; readonly message: string }
  | { readonly type: 'done' }
  | {
      readonly type: 'failed';
      /** `internal`: a defect, whose `stack` is for the run's log. */
      readonly code: Fault;
      readonly message: string;
      readonly hint?: string;
      readonly stack?: string;
    };
