import { describe, expect, test } from 'vitest';
import { codingOrder, descriptionLength, halvingBoundaries, openLearner } from '../../src/index.ts';
import { cases, fixtureStates, fixtureTargets } from '../cases.ts';
import { PENALTIES, synthetic } from '../synthetic.ts';

describe('description length', () => {
  test.each(cases.mdl_online.map((c, number) => ({ ...c, number })))(
    'case $number ($loss, $y, penalty $alpha) agrees with scikit-learn',
    async (c) => {
      const all = fixtureTargets('tall');
      const factor = c.y === 'times_10' ? 10 : 1;
      const target = Float64Array.from({ length: all.length / 6 }, (_, row) => factor * all[row * 6 + c.target]!);
      const learner =
        c.alpha === undefined
          ? openLearner({ name: 'mean' }, 1)
          : openLearner({ name: 'ridge', penalties: [c.alpha], scale: false }, 1);
      const { boundaries, loss } = c;
      const got = await descriptionLength({ states: fixtureStates('tall'), target, boundaries, loss, open: learner });
      expect(Math.abs(got.mean / c.null_code - 1)).toBeLessThan(1e-9);
      expect(Math.abs(got.online / c.online_code - 1)).toBeLessThan(1e-9);
      for (const [k, block] of (c.online_per_block ?? []).entries()) expect(got.onlineBlocks[k]).toBeCloseTo(block, 8);
      if (c.predictor === 'mean_only') expect(got.compression).toBe(1);
      else expect(got.compression).toBeCloseTo(c.compression, 9);
    },
  );
  const data = synthetic({ prompts: 200, rows: 2, d: 8, seed: 31 });
  const order = codingOrder(data.groups, 0);
  const states = {
    values: Float32Array.from([...order].flatMap((row) => [...data.states.subarray(row * 8, row * 8 + 8)])),
    d: 8,
  };
  const target = Float64Array.from(order, (row) => data.values[row]!);
  test('of a readable target is compressed, with a penalty chosen on the last block', async () => {
    const boundaries = halvingBoundaries(data.n);
    expect(boundaries).toEqual([1, 3, 6, 12, 25, 50, 100, 200, 400]);
    const got = await descriptionLength({
      states,
      target,
      boundaries,
      loss: 'squared_error',
      middle: 0,
      open: openLearner({ name: 'ridge', penalties: PENALTIES }, 3),
    });
    expect(got.compression!).toBeGreaterThan(3);
    const variance =
      target.reduce((sum, value) => sum + value ** 2, 0) / data.n -
      (target.reduce((sum, value) => sum + value, 0) / data.n) ** 2;
    expect(got.variance).toBeCloseTo(data.n * variance, 8);
    expect(got.uniform).toBeCloseTo(
      target.reduce((sum, value) => sum + value ** 2, 0),
      8,
    );
  });
  test('keeps a prompt’s rows together', () => {
    for (let i = 0; i < order.length; i += 2) expect(data.groups[order[i]!]).toBe(data.groups[order[i + 1]!]);
  });
  test.each([Number.POSITIVE_INFINITY, Number.NaN])('of a target of %s is refused by row', async (value) => {
    const broken = target.slice();
    broken[7] = value;
    const open = openLearner({ name: 'mean' }, 1);
    const boundaries = halvingBoundaries(data.n);
    await expect(
      descriptionLength({ states, target: broken, boundaries, loss: 'squared_error', open }),
    ).rejects.toThrow(`The target is ${value} in row 7`);
  });
  test('needs boundaries that end with the last row', async () => {
    const open = openLearner({ name: 'mean' }, 1);
    await expect(
      descriptionLength({ states, target, boundaries: [10, 5], loss: 'squared_error', open }),
    ).rejects.toThrow('ascending row numbers that end with 400');
  });
});
