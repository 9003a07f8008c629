import { describe, expect, test } from 'vitest';
import { bagOfWords, groupedFolds, randomDirection, textLength, trainProbes } from '../src/index.ts';
import { PENALTIES, synthetic } from './synthetic.ts';

describe('bag of words', () => {
  test('counts words whatever their case and punctuation', () => {
    const { states, d } = bagOfWords(['Rude, rude neighbours!', 'neighbours', '', "don't"], 64);
    const row = (i: number) => [...states.subarray(i * d, (i + 1) * d)];
    expect(row(0).reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(Math.max(...row(0))).toBe(2);
    const at = row(1).indexOf(1);
    expect(row(0)[at]).toBe(1);
    expect(row(2).every((count) => count === 0)).toBe(true);
    expect(row(3).reduce((sum, count) => sum + count, 0)).toBe(1);
  });
  test('keeps its columns from run to run', () => {
    // FNV-1a of "a" is 0xe40c292c: a published test vector of the hash.
    expect(bagOfWords(['a'], 1000).states.indexOf(1)).toBe(0xe40c292c % 1000);
  });
  test('reads a word that decides the score', async () => {
    const texts = Array.from({ length: 80 }, (_, i) => `${i % 3 === 0 ? 'awful' : 'nice'} words of text ${i}`);
    const groups = texts.map((_, i) => `p${i}`);
    const values = Float64Array.from(texts, (_, i) => (i % 3 === 0 ? 0.9 : 0.1) + 0.01 * (i % 2));
    const targets = [{ scenario: 'input', name: 'TOXICITY', values }];
    const [got] = await trainProbes({
      ...bagOfWords(texts, 128),
      targets,
      groups,
      folds: groupedFolds(groups, 4, 0),
      seed: 0,
      learner: { name: 'ridge', penalties: PENALTIES },
    });
    for (const fold of got!.folds) expect(fold.scores.pearson.value!).toBeGreaterThan(0.95);
  });
});

test('text length is in code points, and in tokens where they are given', () => {
  expect(textLength(['añ', '👍🏽', ''])).toEqual({ states: Float32Array.of(2, 2, 0), d: 1 });
  expect(textLength(['ab', 'c'], [7, 9])).toEqual({ states: Float32Array.of(2, 7, 1, 9), d: 2 });
  expect(() => textLength(['ab'], [1, 2])).toThrow('2 token counts for 1 texts');
});

test('a random direction is one seeded unit projection', () => {
  const { states } = synthetic({ prompts: 5, rows: 2, d: 8, seed: 1 });
  const direction = Array.from({ length: 8 }, (_, j) => {
    const unit = new Float32Array(8);
    unit[j] = 1;
    return randomDirection(unit, 8, 3).states[0]!;
  });
  expect(Math.hypot(...direction)).toBeCloseTo(1, 6);
  const { states: projected, d } = randomDirection(states, 8, 3);
  expect(d).toBe(1);
  for (const [row, value] of projected.entries()) {
    const want = direction.reduce((sum, weight, j) => sum + weight * states[row * 8 + j]!, 0);
    expect(value).toBeCloseTo(want, 5);
  }
  expect(randomDirection(states, 8, 4).states).not.toEqual(projected);
});
