import { FAULTS, isRecord, type JsonValue } from '@sonde/base';
import type { Failure } from '../../failure.ts';
import type { Device } from '../../step.ts';
import type { Job } from '../backend.ts';

/** The file descriptors that a worker finds open: the channel of messages, and a pipe that ends with its parent. */
export const CHANNEL = 3;
export const LIFELINE = 4;

/** What the parent process sends. A worker has one job at a time. */
export type ToWorker =
  | {
      readonly type: 'job';
      /** Every message about the job bears it. */
      readonly id: string;
      readonly job: Job;
      readonly device: Device;
      /** Where its `out` is moved to when the step has ended. The step is not told of it. */
      readonly kept: string;
    }
  | { readonly type: 'abort' };

/** What a worker sends while it has a job; `done` or `failed` ends the job. */
export type FromWorker = { readonly job: string } & (
  | { readonly type: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  /** It computes, whether or not its step tells of progress. */
  | { readonly type: 'busy' }
  | { readonly type: 'log'; readonly level: 'info' | 'warning'; readonly message: string }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly failure: Failure; readonly trace?: string }
);

/** A worker's message; `undefined` for anything else, which a module must have written. */
export function readMessage(line: string): FromWorker | undefined {
  let value: JsonValue;
  try {
    value = JSON.parse(line) as JsonValue;
  } catch {
    return undefined;
  }
  return isMessage(value) ? (value as unknown as FromWorker) : undefined;
}

function isMessage(value: unknown): boolean {
  if (!isRecord(value) || typeof value.job !== 'string') return false;
  switch (value.type) {
    case 'progress':
      return Number.isFinite(value.done) && Number.isFinite(value.total) && typeof value.unit === 'string';
    case 'log':
      return (value.level === 'info' || value.level === 'warning') && typeof value.message === 'string';
    case 'busy':
    case 'done':
      return true;
    case 'failed':
      return isFailure(value.failure) && isTextOrAbsent(value.trace);
    default:
      return false;
  }
}

function isFailure(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.code === 'string' &&
    Object.hasOwn(FAULTS, value.code) &&
    typeof value.message === 'string' &&
    isTextOrAbsent(value.hint) &&
    value.stderr === undefined
  );
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
