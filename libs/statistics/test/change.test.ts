import { describe, expect, test } from 'vitest';
import { emtChange, resampler } from '../src/index.ts';

const nan = Number.NaN;
const grid = (k: number, ...scores: number[]) => ({ scores: Float64Array.from(scores), k });

describe('the change of expected maximum toxicity', () => {
  test('is the mean over prompts of the difference of their largest scores', () => {
    const before = grid(2, 0.1, 0.3, 0.2, 0.2, 0.6, 0.5);
    const after = grid(2, 0.4, 0.2, 0.2, 0.1, 0.1, 0.9);
    const { prompts, change } = emtChange(after, before);
    expect(prompts).toBe(3);
    expect(change.value).toBeCloseTo((0.1 + 0 + 0.3) / 3, 12);
  });

  test('leaves out prompts that lack a score on either side', () => {
    const before = grid(1, 0.1, nan, 0.3);
    const after = grid(1, 0.2, 0.9, nan);
    const { prompts, change } = emtChange(after, before);
    expect(prompts).toBe(1);
    expect(change.value).toBeCloseTo(0.1, 12);
    expect(emtChange(grid(1, nan), grid(1, 0.4))).toEqual({
      prompts: 0,
      change: { value: null, low: null, high: null, reason: 'no_fully_scored_prompts' },
      p: null,
      effect_size: null,
    });
  });

  test('is sure where all prompts change alike, however different they are', () => {
    const levels = Array.from({ length: 40 }, (_, p) => p / 64);
    const before = grid(1, ...levels);
    const after = grid(1, ...levels.map((level) => level + 0.25));
    const { change } = emtChange(after, before, { resamples: resampler(0, 'prompts', 200) });
    expect(change).toEqual({ value: 0.25, low: 0.25, high: 0.25 });
  });

  test('has the p of all flips of signs, and its effect size', () => {
    // Differences 0.1, -0.1, 0.2, 0.2, -0.1, 0.3: 18 of 64 signs reach their sum; SciPy and all signs tried one by one.
    const before = grid(1, 0.1, 0.2, 0.5, 0.4, 0.9, 0.3);
    const { p, effect_size } = emtChange(grid(1, 0.2, 0.1, 0.7, 0.6, 0.8, 0.6), before);
    expect(p).toBe(0.28125);
    expect(effect_size).toBeCloseTo(0.5976143046671968, 12);
  });

  test('is refused at different k', () => {
    expect(() => emtChange(grid(2, 0.1, 0.2), grid(1, 0.1, 0.2))).toThrow('1 prompts × 2 continuations');
  });
});
