import type { Cache } from '@sonde/networks';
import { expect, test } from 'vitest';
import { createRowMemory, packRows, storeStep } from '../src/decoding/row-cache.ts';

const NONE: Cache = { length: 0, keys: [new Float32Array(0)], values: [new Float32Array(0)] };

/** Key [row, step, i] of a batch is a number of its own. */
const number = (batch: number, row: number, step: number, i: number): number =>
  1000 * batch + 100 * row + 10 * step + i;

test.each([1, 2, 3, 4])(
  'rows of %i numbers are where they belong, through growth, packing and another batch',
  (size) => {
    const memory = createRowMemory();
    for (const [batch, rows] of [6, 4, 9].entries()) {
      let [cache, kept] = [NONE, Array.from({ length: rows }, (_, row) => row)];
      const most = 23;
      for (let step = 0; step < most; step++) {
        const present = (sign: number): Float32Array =>
          Float32Array.from(
            kept.flatMap((row) => Array.from({ length: size }, (_, i) => sign * number(batch, row, step, i))),
          );
        const request = { sizes: [size], filled: step, most };
        cache = storeStep(memory, cache, { length: 1, keys: [present(1)], values: [present(-1)] }, request);
        if (step === 9) {
          const left = [1, 3];
          cache = packRows(cache, [[...left, -1]], [size]);
          kept = [...left.map((i) => kept[i]!), 0];
        }
        for (const [place, row] of kept.entries()) {
          for (let slot = 0; slot < cache.length; slot++) {
            const wasPadding = step >= 9 && place === 2 && slot <= 9;
            for (let i = 0; i < size && slot <= step; i++) {
              const at = (place * cache.length + slot) * size + i;
              const expected = wasPadding ? 0 : number(batch, row, slot, i);
              expect(cache.keys[0]![at]).toBe(expected);
              expect(cache.values[0]![at]).toBeCloseTo(-expected, 12);
            }
          }
        }
      }
    }
  },
);
