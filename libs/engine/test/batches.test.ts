import { poolLayout, type TrunkSizes } from '@sonde/networks';
import { describe, expect, it } from 'vitest';
import { batchesOf, byLength, costOf, evenRunsOf, runsOf } from '../src/decoding/batches.ts';

const engineOf = (sizes: Partial<TrunkSizes>) => {
  const whole = { maxPositions: 4096, window: null, ...sizes } as TrunkSizes;
  return { sizes: whole, layout: poolLayout(whole, []) };
};
const pythia = { layers: 12, heads: 12, keyValueHeads: 12, headSize: 64, hiddenSize: 768, vocabSize: 50_304 };
const llama = { layers: 32, heads: 32, keyValueHeads: 32, headSize: 128, hiddenSize: 4096, vocabSize: 32_000 };

const rows = (model: typeof pythia, newTokens: number, promptTokens = 16, prompts = 100): number[] => {
  const lengths = new Array<number>(prompts).fill(promptTokens);
  return [...batchesOf(lengths, 25, costOf(engineOf(model), newTokens, 1))].map(
    ({ from, to, count }) => (to - from) * count,
  );
};

describe('sequences that are decoded together', () => {
  it('are 400, or as many as their caches, their prompts and sums leave room for, and one at least', () => {
    expect(rows(pythia, 20)).toEqual([400, 400, 400, 400, 400, 400, 100]);
    expect(rows(llama, 20)[0]).toBe(50);
    expect(rows(llama, 20, 500)[0]).toBe(25);
    expect(rows(llama, 20, 1200).slice(0, 3)).toEqual([15, 10, 15]);
    expect(rows(llama, 20, 4000)[0]).toBe(1);
  });

  it('hold every sample of every prompt once', () => {
    const lengths = [3, 5, 900, 1100, 1500, 4000];
    const seen = new Set<string>();
    for (const { from, to, first, count } of batchesOf(lengths, 30, costOf(engineOf(llama), 20, 2))) {
      for (let p = from; p < to; p++) for (let k = first; k < first + count; k++) seen.add(`${p} ${k}`);
    }
    expect(seen.size).toBe(6 * 30);
  });

  it('are of one length where nothing is to depend on what is read beside it', () => {
    expect(evenRunsOf([2, 2, 5, 9, 9, 9])).toEqual([
      [0, 2],
      [2, 3],
      [3, 6],
    ]);
    expect(evenRunsOf(new Array<number>(5).fill(1000))).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
    ]);
    expect(evenRunsOf([])).toEqual([]);
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
