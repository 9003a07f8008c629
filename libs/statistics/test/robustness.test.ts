import { expect, test } from 'vitest';
import { bootstrapCorrelations, leaveGroupsOut, resampler, withinGroups } from '../src/index.ts';

const X = [1, 2, 3, 4, 10];
const Y = [2, 1, 4, 3, 20];

// NumPy: numpy.corrcoef of the units that are left.
test('leaving a family out shows that one unit makes the correlation', () => {
  const left = leaveGroupsOut(X, Y, ['a', 'a', 'b', 'b', 'c']);
  expect(left.map(({ group }) => group)).toEqual(['a', 'b', 'c']);
  const want = [0.982955951326871, 0.9890217712770868, 0.6];
  for (const [i, r] of want.entries()) expect(left[i]!.r).toBeCloseTo(r, 12);
  expect(() => leaveGroupsOut(X, Y, ['a'])).toThrow('5 units and groups of 1');
});

test('within families only their own units count', () => {
  expect(withinGroups(X, Y, ['a', 'a', 'a', 'a', 'b'])).toEqual([
    { group: 'a', r: expect.closeTo(0.6, 12), n: 4 },
    { group: 'b', r: null, n: 1 },
  ]);
});

test('correlations over resampled units are those of the drawn ones, whole blocks at a time', () => {
  const one = { units: 3, count: 2, indices: Uint32Array.from([0, 1, 1, 2, 2, 2]) };
  const blocks = ['a', 'a', 'b', 'b', 'c'];
  const got = bootstrapCorrelations([X], [Y], { units: one, blocks });
  // The first resample is units 0, 1, 2, 3, 2, 3; the second only unit 4, which does not vary.
  expect(got[0]).toBeCloseTo(0.5609756097560975, 10);
  expect(got[1]).toBeNaN();
});

test('an interval over prompts and units is wider than one over prompts alone', () => {
  const prompts = Array.from({ length: 400 }, (_, b) => X.map((value, i) => value + Math.sin(b * 7.1 + i) * 0.5));
  const spread = (values: Float64Array) => {
    const known = values.filter((value) => !Number.isNaN(value)).sort();
    return known[Math.floor(known.length * 0.9)]! - known[Math.floor(known.length * 0.1)]!;
  };
  const alone = bootstrapCorrelations(prompts, [Y]);
  const both = bootstrapCorrelations(prompts, [Y], { units: resampler(0, 'units', 400)(5) });
  expect(spread(both)).toBeGreaterThan(spread(alone));
});
