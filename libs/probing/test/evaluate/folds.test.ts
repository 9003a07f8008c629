import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupedFolds } from '../../src/index.ts';

const groupsOf = fc
  .array(fc.integer({ min: 0, max: 30 }), { minLength: 40, maxLength: 120 })
  .map((ids) => [...['a', 'b', 'c', 'd', 'e'], ...ids.map((id) => `g${id}`)]);

describe('grouped folds', () => {
  test('keep each group in one fold and differ by at most the largest group', () => {
    fc.assert(
      fc.property(groupsOf, fc.integer({ min: 2, max: 5 }), fc.nat(99), (groups, k, seed) => {
        const folds = groupedFolds(groups, k, seed);
        const foldsOf = new Map<string, Set<number>>();
        const sizes = new Array<number>(k).fill(0);
        for (const [row, group] of groups.entries()) {
          foldsOf.set(group, (foldsOf.get(group) ?? new Set()).add(folds[row]!));
          sizes[folds[row]!]!++;
        }
        for (const seen of foldsOf.values()) expect(seen.size).toBe(1);
        const largest = Math.max(...[...foldsOf.keys()].map((group) => groups.filter((g) => g === group).length));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest);
      }),
      { numRuns: 30 },
    );
  });
  test('do not depend on the order of rows', () => {
    fc.assert(
      fc.property(groupsOf, fc.nat(99), (groups, seed) => {
        const folds = groupedFolds(groups, 4, seed);
        const reversed = groupedFolds(groups.toReversed(), 4, seed);
        expect([...reversed].reverse()).toEqual([...folds]);
      }),
      { numRuns: 30 },
    );
  });
  test('are balanced for prompts of equal size, and change with the seed', () => {
    const groups = Array.from({ length: 200 }, (_, row) => `prompt-${row >> 1}`);
    const folds = groupedFolds(groups, 4, 1);
    expect([0, 1, 2, 3].map((fold) => folds.filter((f) => f === fold).length)).toEqual([50, 50, 50, 50]);
    expect(groupedFolds(groups, 4, 2)).not.toEqual(folds);
    expect(groupedFolds(groups, 4, 1)).toEqual(folds);
  });
  test('need as many groups as folds', () => {
    expect(() => groupedFolds(['a', 'a', 'a', 'b'], 3, 0)).toThrow('2 groups cannot fill 3 folds');
    expect(() => groupedFolds(['a', 'a'], 2, 0)).toThrow('1 groups cannot fill 2 folds');
    expect(() => groupedFolds([], 2, 0)).toThrow('0 groups');
    expect(() => groupedFolds(['a', 'b'], 1, 0)).toThrow('at least 2');
  });
});
