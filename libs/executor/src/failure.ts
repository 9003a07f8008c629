import { FAULTS, type Fault, isMachineFault, systemFailure, UserError } from '@sonde/base';
import type { TaskId } from '@sonde/pipeline';

/** Why a task has no result. */
export type Failure = {
  readonly code: Fault;
  readonly message: string;
  readonly hint?: string;
  /** The last lines that the worker process wrote to its standard error, where it died. */
  readonly stderr?: string;
};

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
  if (error instanceof UserError) {
    // A module is not held to the table by its compiler.
    const code = Object.hasOwn(FAULTS, error.code) ? error.code : 'step';
    return new TaskFailure({ code, message, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
  const machine = machineFailure(error);
  if (machine !== undefined) return new TaskFailure(machine);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${String(error.cause)}`;
  return new TaskFailure({ code: 'internal', message }, error.stack === undefined ? undefined : error.stack + cause);
}

/** Whether it may go otherwise when tried again: all but what a change or the store's disk has decided. */
export function isRetryable({ code }: Failure): boolean {
  return code !== 'input-changed' && code !== 'output' && !isMachineFault(code);
}

/** A failed system call for which the machine is at fault, not what was asked of it. */
function machineFailure(error: unknown): Failure | undefined {
  const failed = systemFailure(error);
  if (failed === undefined || failed.kind === 'path') return undefined;
  const what = failed.path === undefined ? `${failed.action} failed` : `${failed.path} cannot be used`;
  return {
    code: failed.kind,
    message: `${what}: ${failed.meaning}.`,
    ...(failed.kind === 'no-space' && {
      hint: 'Free some space, for example with `sonde store gc`, or choose another folder with --store.',
    }),
  };
}
