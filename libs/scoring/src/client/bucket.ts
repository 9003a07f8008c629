import type { Clock } from './clock.ts';

/** Gives out a service's keys no faster than it allows. */
export interface Bucket {
  /** The index of the key that may be used now; waits until there is one. */
  take(): Promise<number>;
  /** Says that a key has been refused for so many milliseconds. */
  pause(key: number, milliseconds: number): void;
}

/**
 * A token bucket for each key: it fills at `rate` tokens a second and holds as many as that, one at least. Whoever takes
 * is served in turn.
 */
export function tokenBucket(keys: number, rate: number, clock: Clock): Bucket {
  const most = Math.max(1, rate);
  const buckets = Array.from({ length: keys }, () => ({ tokens: most, at: clock.now(), free: 0 }));
  const fill = (bucket: (typeof buckets)[number]): void => {
    const now = clock.now();
    bucket.tokens = Math.min(most, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * rate);
    bucket.at = now;
  };
  const waitOf = ({ tokens, free }: (typeof buckets)[number]): number =>
    Math.max(tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / rate) * 1000), free - clock.now());
  const takeOne = async (): Promise<number> => {
    for (;;) {
      for (const bucket of buckets) fill(bucket);
      const waits = buckets.map(waitOf);
      const least = Math.min(...waits);
      if (least <= 0) {
        const key = waits.indexOf(least);
        buckets[key]!.tokens -= 1;
        return key;
      }
      await clock.sleep(least);
    }
  };
  let turn: Promise<unknown> = Promise.resolve();
  return {
    take() {
      const taken = turn.then(takeOne);
      turn = taken.catch(() => undefined);
      return taken;
    },
    pause(key, milliseconds) {
      const bucket = buckets[key]!;
      bucket.tokens = 0;
      bucket.at = clock.now();
      bucket.free = Math.max(bucket.free, clock.now() + milliseconds);
    },
  };
}
