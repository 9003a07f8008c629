import { describe, expect, test } from 'vitest';
import { scorePairs } from '../../src/evaluate/metrics.ts';
import { pairsOf } from '../../src/evaluate/pairs.ts';
import { groupedFolds, trainProbes } from '../../src/index.ts';
import { one, optionsFor, synthetic } from '../synthetic.ts';

const scoresOf = (target: number[], predicted: number[], groups: number[]) =>
  scorePairs(pairsOf(Float64Array.from(target), Float64Array.from(predicted), 1, Int32Array.from(groups)))[0]!;

describe('metrics', () => {
  test('R² is 1 for the truth, 0 for the mean, below 0 for worse', () => {
    const target = [0, 1, 2, 3];
    expect(scoresOf(target, target, [0, 1, 2, 3]).r2.value).toBe(1);
    expect(scoresOf(target, [1.5, 1.5, 1.5, 1.5], [0, 1, 2, 3]).r2.value).toBe(0);
    expect(scoresOf(target, [3, 2, 1, 0], [0, 1, 2, 3]).r2.value).toBe(-3);
  });
  test('a correlation between prompts is none within them', () => {
    // Prompts differ by 10; within each, predictions run against the truth.
    const scores = scoresOf([0, 1, 10, 11, 20, 21], [1, 0, 11, 10, 21, 20], [0, 0, 1, 1, 2, 2]);
    expect(scores.pearson.value!).toBeGreaterThan(0.95);
    expect(scores.within_pearson.value).toBeCloseTo(-1, 12);
  });
  test('one row a prompt tells nothing within prompts', () => {
    expect(scoresOf([1, 2, 4], [1, 2, 3], [0, 1, 2]).within_pearson).toEqual({
      value: null,
      reason: 'constant_target',
    });
  });
});

describe('pooled and per-fold scores', () => {
  test('are told apart, and undefined folds counted', async () => {
    const data = synthetic({ prompts: 40, rows: 2, d: 4, seed: 61 });
    const folds = groupedFolds(data.groups, 4, 0);
    const values = Float64Array.from(data.values, (value, row) => (folds[row] === 2 ? 0.5 : value));
    const got = await one(optionsFor({ ...data, values }, { folds }));
    expect(got.undefinedFolds).toBe(1);
    const defined = got.folds.flatMap(({ scores }) => scores.pearson.value ?? []);
    expect(defined).toHaveLength(3);
    expect(got.foldMean.value).toBeCloseTo(defined.reduce((sum, value) => sum + value, 0) / 3, 12);
    expect(got.pooled.pearson.value).not.toBe(got.foldMean.value);
  });
});

describe('a penalty at the edge of the grid', () => {
  const data = synthetic({ prompts: 40, rows: 2, d: 20, seed: 62, noise: 2 });
  test('makes the grid longer until the choice lies inside', async () => {
    const narrow = { penalties: [1e-4, 1e-3, 1e-2] };
    const kept = await one(optionsFor(data, narrow));
    const extended = await one(optionsFor(data, { ...narrow, extend: true }));
    expect(kept.folds.every(({ penalty, atEdge }) => penalty === 1e-2 && atEdge)).toBe(true);
    expect(Math.max(...extended.folds.map(({ penalty }) => penalty!))).toBeGreaterThan(1);
    const wide = await one(optionsFor(data, { penalties: [1e-4, 1e-3, 1e-2, 0.1, 1, 10] }));
    for (const [fold, { scores, penalty }] of extended.folds.entries()) {
      if (penalty !== wide.folds[fold]!.penalty) continue;
      expect(scores.pearson.value).toBeCloseTo(wide.folds[fold]!.scores.pearson.value!, 12);
    }
  });
  test('is told of a single penalty by nothing: there was no choice', async () => {
    const [got] = await trainProbes(optionsFor(data, { penalties: [1] }));
    expect(got!.folds.some(({ atEdge }) => atEdge)).toBe(false);
  });
});

describe('metrics of two classes', () => {
  test('count pairs in the right order, ties half', () => {
    // Positive: 0.9, 0.5; negative: 0.5, 0.1. Of four pairs three are right and one is a tie.
    const { auc, macro_f1, brier } = scoresOf([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1], [0, 1, 2, 3]);
    expect(auc.value).toBeCloseTo(3.5 / 4, 12);
    // At 0.5 three rows are called positive: F1 is 4/5 for the positive class and 2/3 for the negative one.
    expect(macro_f1.value).toBeCloseTo((4 / 5 + 2 / 3) / 2, 12);
    expect(brier.value).toBeCloseTo((0.01 + 0.25 + 0.25 + 0.01) / 4, 12);
  });
  test('need two values', () => {
    expect(scoresOf([0, 0.5, 1], [0, 1, 2], [0, 1, 2]).auc).toEqual({ value: null, reason: 'not_binary' });
    expect(scoresOf([1, 1, 1], [0, 1, 2], [0, 1, 2]).auc).toEqual({ value: null, reason: 'constant_target' });
  });
});
