import { describe, expect, test } from 'vitest';
import { trainProbes } from '../../src/index.ts';
import { noise, one, optionsFor, synthetic } from '../synthetic.ts';

const data = synthetic({ prompts: 200, rows: 2, d: 3, seed: 81, noise: 0.1 });
const learner = { name: 'mlp', hidden: 16, seed: 3 } as const;
/** The product of two dimensions: no linear map of them tells it. */
const product = Float64Array.from({ length: data.n }, (_, row) => data.states[row * 3]! * data.states[row * 3 + 1]!);

describe('a probe with a hidden layer', () => {
  test('reads what is not in a direction, where ridge cannot, and noise neither', async () => {
    const random = noise(6, 'unrelated');
    const targets = [
      { scenario: 'output', name: 'product', values: product },
      { scenario: 'output', name: 'linear', values: data.values },
      { scenario: 'output', name: 'noise', values: Float64Array.from(product, random) },
    ];
    const [curved, linear, unrelated] = await trainProbes(optionsFor(data, { learner, targets }));
    const byRidge = await one(optionsFor(data, { targets: targets.slice(0, 1) }));
    expect(byRidge.foldMean.value!).toBeLessThan(0.2);
    expect(curved!.foldMean.value!).toBeGreaterThan(0.6);
    expect(linear!.foldMean.value!).toBeGreaterThan(0.9);
    expect(Math.abs(unrelated!.foldMean.value!)).toBeLessThan(0.25);
    expect(curved!.refit).toBeNull();
  });
  test('gives a target together with others what it gets alone, the same bytes again, and others for another seed', async () => {
    const targets = [
      { scenario: 'output', name: 'a', values: data.values },
      { scenario: 'output', name: 'b', values: product },
    ];
    const [, together] = await trainProbes(optionsFor(data, { learner, targets }));
    const alone = await one(optionsFor(data, { learner, targets: targets.slice(1) }));
    for (const [f, fold] of together!.folds.entries()) {
      expect(fold.scores.pearson.value).toBeCloseTo(alone.folds[f]!.scores.pearson.value!, 6);
    }
    expect(await one(optionsFor(data, { learner, targets: targets.slice(1) }))).toEqual(alone);
    const other = await one(optionsFor(data, { learner: { ...learner, seed: 4 }, targets: targets.slice(1) }));
    expect(other.folds).not.toEqual(alone.folds);
  });
  test('has nothing to say of a constant target, and refuses what cannot be used', async () => {
    const targets = [{ scenario: 'output', name: 'constant', values: product.map(() => 2) }];
    const got = await one(optionsFor(data, { learner, targets }));
    for (const { scores } of got.folds) expect(scores.pearson).toEqual({ value: null, reason: 'constant_target' });
    expect(got.predictions!.every((value) => value === 2)).toBe(true);
    await expect(one(optionsFor(data, { learner: { ...learner, hidden: 0 } }))).rejects.toThrow('hidden');
  });
});
