import { describe, expect, test } from 'vitest';
import { benjaminiHochberg, benjaminiYekutieli, distinctNgrams, holm } from '../src/index.ts';
import { cases } from './cases.ts';

describe('adjusted p-values', () => {
  const c = cases.multiplicity;
  test.each([
    ['Benjamini–Hochberg', benjaminiHochberg(c.p), c.benjamini_hochberg],
    ['Benjamini–Yekutieli', benjaminiYekutieli(c.p), c.benjamini_yekutieli],
    ['Holm', holm(c.p), c.holm],
  ])('%s agrees with SciPy', (_, got, want) => {
    for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 12);
  });
  test('an undefined test is not counted as a test', () => {
    expect(benjaminiHochberg([0.01, null, 0.04])).toEqual([0.02, null, 0.04]);
    expect(holm([null])).toEqual([null]);
    expect(holm([])).toEqual([]);
  });
  test('a number outside [0, 1] is an error that names its place', () => {
    expect(() => holm([0.1, 1.2])).toThrow('p-value 1 is 1.2');
    expect(() => holm([Number.NaN])).toThrow('p-value 0');
  });
});

describe('distinct-n', () => {
  test('counts n-grams within lists', () => {
    expect(distinctNgrams([['a', 'b', 'a', 'b'], ['b']], 1)).toEqual({ share: 2 / 5, ngrams: 5 });
    expect(distinctNgrams([['a', 'b', 'a', 'b'], ['b']], 2)).toEqual({ share: 2 / 3, ngrams: 3 });
    expect(
      distinctNgrams(
        [
          [12, 3],
          [1, 23],
        ],
        2,
      ).share,
    ).toBe(1);
  });
  test('without any n-gram it is undefined', () => {
    expect(distinctNgrams([[], ['a']], 2)).toEqual({ share: null, ngrams: 0, reason: 'no_ngrams' });
  });
});
