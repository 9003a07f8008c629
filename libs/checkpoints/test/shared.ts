import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Reference checkpoints and results, where they are at hand. */
export const fixtures = join(import.meta.dirname, '../../../../shared/fixtures');
export const hasShared = existsSync(fixtures);

/** Greatest difference relative to the reference's greatest magnitude. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(actual[i]! - value)), 0);
  return actual.length === expected.length ? difference / scale : Number.POSITIVE_INFINITY;
}

/** Random numbers in ±scale. */
export function numbers(seed: number, count: number, scale: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
}
