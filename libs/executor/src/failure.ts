import type { TaskId } from '@sonde/pipeline';
import { StoreError } from '@sonde/store';
import { DataProblem } from './data.ts';
import type { Failure } from './events.ts';
import { StepError } from './step.ts';

/** A task cannot be completed; `trace` is for the run's log, never for the terminal. */
export class TaskFailure extends Error {
  readonly failure: Failure;
  readonly trace: string | undefined;
  constructor(failure: Failure, trace?: string) {
    super(failure.message);
    this.failure = failure;
    this.trace = trace;
  }
}

/** A task was not computed, through no fault of its own: because of these tasks, or because the run stops. */
export class NotComputed extends Error {
  readonly because: readonly TaskId[];
  constructor(because: readonly TaskId[] = []) {
    super('not computed');
    this.because = because;
  }
}

/** What a person is told of an error: of a foreseen one all, of a defect its message alone. */
export function asTaskFailure(error: unknown): TaskFailure {
  if (error instanceof TaskFailure) return error;
  if (!(error instanceof Error)) return new TaskFailure({ code: 'internal', message: String(error) });
  const { message } = error;
  if ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EROFS')) {
    return new TaskFailure({ code: 'store', message: `The store's disk cannot be written to: ${message}.` });
  }
  if (error instanceof StepError || error instanceof DataProblem || error instanceof StoreError) {
    const code = error instanceof StepError ? 'step' : error instanceof DataProblem ? 'data' : 'store';
    return new TaskFailure({ code, message, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
  return new TaskFailure({ code: 'internal', message }, error.stack);
}

/** What may go otherwise when tried again: all but what a change or the store's disk has decided. */
export const isRetryable = (failure: Failure): boolean =>
  failure.code !== 'input-changed' && failure.code !== 'store' && failure.code !== 'output';
