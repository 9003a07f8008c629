import { expect, test } from 'vitest';
import { correlateFamily, holm, pearson, spearman } from '../src/index.ts';

const x = [0.1, 0.4, 0.35, 0.8, 0.6];
const pairs = [
  { x, y: [1, 3, 2, 9, 4] },
  { x, y: [2, 1, 4, 3, 5] },
  { x, y: [1, 1, 1, 1, 1] },
];

test('a family of correlations has the coefficients of each pair, and p-values corrected for all of them', () => {
  const family = correlateFamily(pairs, { multiplicity: 'holm', level: 0.9 });
  const alone = pairs.map(({ x, y }) => pearson(x, y, { level: 0.9 }));
  expect(family.map((member) => member.pearson)).toEqual(alone);
  expect(family.map((member) => member.pearsonAdjusted)).toEqual(holm(alone.map(({ p }) => p)));
  const ranks = pairs.map(({ x, y }) => spearman(x, y).p);
  expect(family.map((member) => member.spearmanAdjusted)).toEqual(holm(ranks));
});

test('an undefined correlation has no p-value, and does not count among them', () => {
  const [, , constant] = correlateFamily(pairs, { multiplicity: 'holm' });
  expect(constant).toMatchObject({ pearson: { r: null, reason: 'constant' }, pearsonAdjusted: null });
  const without = correlateFamily(pairs.slice(0, 2), { multiplicity: 'holm' });
  expect(correlateFamily(pairs, { multiplicity: 'holm' })[0]!.pearsonAdjusted).toBe(without[0]!.pearsonAdjusted);
});
