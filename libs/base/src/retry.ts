import { setTimeout as delay } from 'node:timers/promises';

/** A failure that may be gone when it is tried again. */
export class PassingFailure extends Error {
  /** Seconds that whoever was asked wants to be left alone. */
  readonly wait: number | undefined;
  /** Something came of it: the failures are counted anew. */
  readonly progressed: boolean;
  constructor(message: string, { wait, progressed }: { wait?: number | undefined; progressed?: boolean } = {}) {
    super(message);
    this.wait = wait;
    this.progressed = progressed === true;
  }
}

/** Whether time mends an HTTP status: too many requests, or the server's own trouble. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

export interface Retry {
  /**
   * Seconds to wait after so many failures in a row, one at first.
   *
   * @throws what ends it: that it has failed too often, or for too long
   */
  pause(failure: PassingFailure, failures: number): number;
  readonly signal?: AbortSignal | undefined;
  /** This machine's if not given. */
  sleep?(milliseconds: number): Promise<void>;
}

/**
 * Does something until it is done: again, after a pause, where it fails with a `PassingFailure`.
 *
 * @throws what `action` throws otherwise, what `pause` throws, the signal's reason
 */
export async function retry<T>(action: () => Promise<T>, { pause, signal, sleep }: Retry): Promise<T> {
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      if (error.progressed) failures = 1;
      const milliseconds = pause(error, failures) * 1000;
      await (sleep?.(milliseconds) ?? delay(milliseconds, undefined, signal && { signal }));
    }
  }
}
