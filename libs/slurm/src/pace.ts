import { setTimeout as wait } from 'node:timers/promises';

/** Does one thing at a time, and none sooner than `least` milliseconds after the last began. */
export function createPace(least: number): () => Promise<void> {
  let last = Number.NEGATIVE_INFINITY;
  return async () => {
    const left = last + least - performance.now();
    if (left > 0) await wait(left);
    last = performance.now();
  };
}

/** Runs what it is given one after the other, in the order of the calls. */
export function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = tail.then(work);
    tail = mine.catch(() => undefined);
    return mine;
  };
}
