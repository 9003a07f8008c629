import { setTimeout as delay } from 'node:timers/promises';

/** Time and chance, as a client that waits needs them. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
  /** Aborted, as `AbortSignal.timeout` is, after so long. */
  timeout(milliseconds: number): AbortSignal;
  /** From 0 to 1. */
  random(): number;
}

/** This machine's. */
export const CLOCK: Clock = {
  now: Date.now,
  sleep: (milliseconds) => delay(milliseconds),
  timeout: (milliseconds) => AbortSignal.timeout(milliseconds),
  random: Math.random,
};
