import { describe, expect, test } from 'vitest';
import {
  bootstrapInterval,
  bootstrapMeans,
  bootstrapStatistic,
  pearson,
  permutationPValues,
  permutations,
  type Resamples,
  resampler,
  spearman,
} from '../src/index.ts';
import { cases } from './cases.ts';
import { readNpy } from './npy.ts';

const { x, y } = cases.bootstrap_input;
const index = readNpy('bootstrap_index.npy');
const stored: Resamples = { units: 20, count: index.shape[0]!, indices: Uint32Array.from(index.data) };

function distributionOf(statistic: 'mean' | 'pearson' | 'spearman'): Float64Array {
  if (statistic === 'mean') return bootstrapMeans(y, stored);
  const correlate = statistic === 'pearson' ? pearson : spearman;
  return bootstrapStatistic((units) => correlate(pick(x, units), pick(y, units)).r, stored);
}
function statisticOf(statistic: 'mean' | 'pearson' | 'spearman', units: Uint32Array): number {
  if (statistic === 'mean') return mean(pick(y, units));
  return (statistic === 'pearson' ? pearson : spearman)(pick(x, units), pick(y, units)).r!;
}
const pick = (values: number[], units: Uint32Array) => Array.from(units, (unit) => values[unit]!);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.each(cases.bootstrap)('$method interval of the $statistic at $level', (c) => {
  test('agrees with SciPy on the same resamples', () => {
    const estimate = c.statistic === 'mean' ? mean(y) : (c.statistic === 'pearson' ? pearson : spearman)(x, y).r!;
    const distribution = distributionOf(c.statistic);
    for (const [i, want] of c.distribution_first_8.entries()) expect(distribution[i]).toBeCloseTo(want, 12);
    const all = Uint32Array.from({ length: 20 }, (_, unit) => unit);
    const without = Array.from(all, (left) =>
      statisticOf(
        c.statistic,
        all.filter((unit) => unit !== left),
      ),
    );
    const method = c.method === 'BCa' ? 'bca' : c.method;
    const got = bootstrapInterval(distribution, estimate, {
      units: Number.POSITIVE_INFINITY,
      level: c.level,
      method,
      jackknife: without,
    })!;
    expect(got.low).toBeCloseTo(c.low, 10);
    expect(got.high).toBeCloseTo(c.high, 10);
    expect(got.standard_error).toBeCloseTo(c.standard_error, 10);
  });
});

describe('resamples', () => {
  test('depend on seed, name and number of units, not on what was drawn before', () => {
    const first = resampler(3, 'prompts', 50);
    first(7);
    const second = resampler(3, 'prompts', 50);
    expect(first(11).indices).toEqual(second(11).indices);
    expect(resampler(4, 'prompts', 50)(11).indices).not.toEqual(second(11).indices);
    expect(Math.max(...second(11).indices)).toBe(10);
  });
  test('a statistic undefined in every resample has no interval', () => {
    const distribution = bootstrapStatistic(() => null, resampler(0, 'none', 10)(4));
    expect(bootstrapInterval(distribution, 0, { units: 4 })).toBeNull();
  });
  test('values of another number of units are an error', () => {
    expect(() => bootstrapMeans([1, 2], resampler(0, 'a', 3)(5))).toThrow('2 values but resamples of 5 units');
  });
});

describe('permutation p-values', () => {
  const c = cases.max_r_permutation;
  const features = readNpy('permutation_features.npy');
  const rows = readNpy('permutation_index.npy');
  const feature = (j: number) => Array.from({ length: 20 }, (_, i) => features.data[i * 12 + j]!);
  const correlations = (values: number[]) => Array.from({ length: 12 }, (_, j) => pearson(feature(j), values).r!);
  test('agree with NumPy on the same permutations, pointwise and family-wise', () => {
    const nulls = Array.from({ length: rows.shape[0]! }, (_, k) =>
      correlations(Array.from(rows.data.subarray(k * 20, (k + 1) * 20), (i) => c.y[i]!)),
    );
    const got = permutationPValues(correlations(c.y), nulls);
    for (let j = 0; j < 12; j++) {
      expect(got.family_wise[j]).toBeCloseTo(c.p_family_wise[j]!, 12);
      expect(got.pointwise[j]).toBeCloseTo(c.p_pointwise_two_sided[j]!, 12);
    }
  });
  test('seeded permutations hold every unit once', () => {
    const drawn = permutations(5, 'control', 30, 20);
    expect(drawn).toEqual(permutations(5, 'control', 30, 20));
    for (const row of drawn) expect([...row].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(drawn[0]).not.toEqual(drawn[1]);
  });
});
