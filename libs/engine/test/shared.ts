import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../../../shared');

/** Reference checkpoints and results, where they are at hand. */
export const fixtures = join(root, 'fixtures');
export const tokenizers = join(root, 'data/tokenizers');
export const hasShared = existsSync(fixtures) && existsSync(tokenizers);

/** Greatest difference relative to the reference's greatest magnitude; 0 where nothing differs. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  return difference === 0 ? 0 : difference / scale;
}
