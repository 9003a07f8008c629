import { describe, expect, it } from 'vitest';
import type { DecoderSizes } from '../src/architectures/architecture.ts';
import { byLength, runsOf } from '../src/decoding/prefill.ts';
import { rowsTogether } from '../src/generate.ts';
import { poolLayout } from '../src/sites.ts';

const engineOf = (sizes: Partial<DecoderSizes>) => {
  const whole = { maxPositions: 4096, window: null, ...sizes } as DecoderSizes;
  return { sizes: whole, layout: poolLayout(whole, []) };
};
const pythia = { layers: 12, heads: 12, keyValueHeads: 12, headSize: 64, hiddenSize: 768, vocabSize: 50_304 };
const llama = { layers: 32, heads: 32, keyValueHeads: 32, headSize: 128, hiddenSize: 4096, vocabSize: 32_000 };

describe('sequences that are decoded together', () => {
  it('are as many as their caches and sums leave room for, and one at least', () => {
    expect(rowsTogether(engineOf(pythia), 20, 1)).toBe(400);
    const few = rowsTogether(engineOf(llama), 20, 1);
    expect(few).toBeGreaterThan(40);
    expect(few).toBeLessThan(100);
    expect(rowsTogether(engineOf(llama), 200, 1)).toBeLessThan(few / 5);
    expect(rowsTogether(engineOf(llama), 100_000, 4)).toBe(1);
  });

  it('are sorted by length, equal ones in the order given, and cut where padding would pass the limit', () => {
    expect(byLength([5, 2, 9, 2])).toEqual([1, 3, 0, 2]);
    expect(runsOf([2, 2, 5, 9], 10)).toEqual([
      [0, 2],
      [2, 3],
      [3, 4],
    ]);
  });
});
