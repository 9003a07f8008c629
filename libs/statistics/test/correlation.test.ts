import { UserError } from '@sonde/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kendall, midRanks, pearson, spearman } from '../src/index.ts';
import { cases } from './cases.ts';

describe.each(cases.correlation)('correlation of $name', (c) => {
  test('Pearson agrees with SciPy', () => {
    const got = pearson(c.x, c.y);
    expect(got.r).toBeCloseTo(c.pearson_r, c.name === 'large_offset' ? 10 : 12);
    expect(Math.log(got.p!)).toBeCloseTo(Math.log(c.pearson_p), c.name === 'near_perfect' ? 0 : 8);
    expect(got.interval![0]).toBeCloseTo(c.pearson_ci95_fisher[0], 10);
    expect(got.interval![1]).toBeCloseTo(c.pearson_ci95_fisher[1], 10);
  });
  test('Spearman agrees with SciPy', () => {
    const got = spearman(c.x, c.y);
    expect(got.r).toBeCloseTo(c.spearman_rho, 12);
    if (c.spearman_p === 0) expect(got.p).toBe(0);
    else if (c.x.length <= 9)
      expect(got.p).toBeCloseTo(1, 12); // all six orders; SciPy's t says 0.67
    else expect(Math.log(got.p!)).toBeCloseTo(Math.log(c.spearman_p), 8);
    expect([...midRanks(c.x)]).toEqual(c.ranks_x);
  });
});

describe('a correlation that is undefined', () => {
  test('is null with its reason, never NaN', () => {
    expect(pearson([1, 1, 1, 1], [1, 2, 3, 4])).toMatchObject({ r: null, p: null, reason: 'constant', n: 4 });
    expect(pearson([1e6 + 0.1, 1e6 + 0.1, 1e6 + 0.1], [1, 2, 4])).toMatchObject({ r: null, reason: 'constant' });
    expect(spearman([1, 2, 3], [5, 5, 5])).toMatchObject({ r: null, reason: 'constant' });
    expect(pearson([1], [2])).toMatchObject({ r: null, reason: 'too_few', n: 1 });
    expect(pearson([], [])).toMatchObject({ r: null, reason: 'too_few', n: 0 });
  });
  test('two points always lie on a line: there is no correlation of two', () => {
    for (const correlate of [pearson, spearman, kendall]) {
      expect(correlate([0, 1], [3, 1])).toMatchObject({ r: null, p: null, reason: 'too_few', n: 2 });
    }
    expect(pearson([0, 1, 3], [3, 1, 2])).toMatchObject({ r: expect.any(Number), interval: [-1, 1] });
  });
});

describe('missing values', () => {
  test('pairs with one are left out and counted', () => {
    const got = pearson([1, 2, null, 4, 5, Number.NaN], [2, 1, 7, 5, null, 3]);
    expect(got).toMatchObject({ n: 3, missing: 3 });
    expect(got.r).toBeCloseTo(pearson([1, 2, 4], [2, 1, 5]).r!, 15);
  });
  test('an infinite value and unequal lengths are errors', () => {
    expect(() => pearson([1, 2, Number.POSITIVE_INFINITY], [1, 2, 3])).toThrow(UserError);
    expect(() => pearson([1, 2], [1, 2, 3])).toThrow('2 and 3 values');
  });
});

test('a shift and a positive scale change nothing; a negative scale turns the sign', () => {
  const pair = fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: -9, max: 9, noNaN: true }));
  fc.assert(
    fc.property(
      fc.array(pair, { minLength: 3, maxLength: 30 }),
      fc.double({ min: 0.5, max: 2, noNaN: true }),
      (all, s) => {
        const x = all.map(([a]) => Math.round(a * 100) / 100);
        const y = all.map(([, b]) => Math.round(b * 100) / 100);
        const plain = pearson(x, y);
        const moved = pearson(
          x.map((v) => 7 - s * v),
          y,
        );
        if (plain.r === null) expect(moved.r).toBeNull();
        else expect(moved.r).toBeCloseTo(-plain.r, 9);
      },
    ),
  );
});
