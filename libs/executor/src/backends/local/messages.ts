import type { Failure } from '../../failure.ts';
import type { Device } from '../../step.ts';
import type { Job } from '../backend.ts';

/** What the parent process sends. A worker has one job at a time. */
export type ToWorker =
  | { readonly type: 'job'; readonly job: Job; readonly device: Device }
  | { readonly type: 'abort' };

/** What a worker sends while it has a job; `done` or `failed` ends the job. */
export type FromWorker =
  | { readonly type: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warning'; readonly message: string }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly failure: Failure; readonly trace?: string };
