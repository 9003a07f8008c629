import { setTimeout as wait } from 'node:timers/promises';

/** Resolves no sooner than `least` milliseconds after it last did. Not to be called again before it has. */
export function createPace(least: number): () => Promise<void> {
  let last = Number.NEGATIVE_INFINITY;
  return async () => {
    const left = last + least - performance.now();
    if (left > 0) await wait(left);
    last = performance.now();
  };
}
