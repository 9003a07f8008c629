import { systemFailure as failureOf } from '@sonde/base';

/** Exit statuses, as the command line promises them. */
export const EXIT = { done: 0, failed: 1, invalid: 2, work: 3, machine: 4, interrupted: 130, terminated: 143 } as const;

/** A failed system call as a message and an exit status; undefined for other errors. */
export function systemFailure(error: unknown): { readonly status: number; readonly message: string } | undefined {
  const failed = failureOf(error);
  if (failed === undefined) return undefined;
  const { kind, meaning, path } = failed;
  const message = path === undefined ? `${meaning} (${(error as Error).message})` : `${path}: ${meaning}`;
  return { status: kind === 'path' ? EXIT.invalid : EXIT.machine, message };
}

/** Ends the command with this status; everything there is to say has been said. */
export class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.name = 'Exit';
    this.status = status;
  }
}
