/** Exit statuses, as the command line promises them. */
export const EXIT = { done: 0, failed: 1, invalid: 2, work: 3, machine: 4, interrupted: 130, terminated: 143 } as const;

/** A mistake in what the user gave: the message says what was found and what to do. Ends with status 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
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
