import { setTimeout as wait } from 'node:timers/promises';

/**
 * Begins work no sooner than `least` milliseconds after the work before it has ended: whoever is asked by it, and however
 * late it comes to that, is never asked twice within them. Not to be called again before it has resolved.
 */
export function createPace(least: number): <T>(work: () => Promise<T>) => Promise<T> {
  let last = Number.NEGATIVE_INFINITY;
  return async (work) => {
    const left = last + least - performance.now();
    if (left > 0) await wait(left);
    try {
      return await work();
    } finally {
      last = performance.now();
    }
  };
}
