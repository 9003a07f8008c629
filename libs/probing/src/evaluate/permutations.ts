import { digestStream, quantile, randomPermutation } from '@sonde/numerics';
import { type Groups, rankGroups, rowsByGroup } from './folds.ts';
import type { NullDistribution } from './result.ts';

/**
 * Labels permuted over groups, so that a group's rows move together: what a probe scores on them is due to chance.
 *
 * @param rows the rows that have a label
 * @returns for each permutation, the row [n] whose label each row is given; −1 for rows without label. Where a group
 * has fewer rows than the one it labels, its labels are repeated in order.
 */
export function permutedRows(groups: Groups, rows: Int32Array, permutations: number, seed: number): Int32Array[] {
  const members = rowsByGroup(Array.from(rows, (row) => groups[row]!));
  const ranked = rankGroups(members.keys(), seed);
  // The groups' rows one after the other: a list for each group costs as much again as all else here.
  const rowsByRank = Int32Array.from(ranked.flatMap((group) => members.get(group)!.map((at) => rows[at]!)));
  const starts = new Int32Array(ranked.length + 1);
  for (const [i, group] of ranked.entries()) starts[i + 1] = starts[i]! + members.get(group)!.length;
  return Array.from({ length: permutations }, (_, p) => {
    const order = randomPermutation(digestStream(seed, `control/${p}`), ranked.length);
    const sources = new Int32Array(groups.length).fill(-1);
    for (let i = 0; i < ranked.length; i++) {
      const [first, end] = [starts[order[i]!]!, starts[order[i]! + 1]!];
      for (let to = starts[i]!, from = first; to < starts[i + 1]!; to++) {
        sources[rowsByRank[to]!] = rowsByRank[from]!;
        if (++from === end) from = first;
      }
    }
    return sources;
  });
}

/** A permuted score this near the probe's own reaches it: one that moves no label is equal but for rounding. */
const EQUAL = 1e-9;

/** @param means the permutations' scores; null where undefined */
export function nullDistribution(means: readonly (number | null)[], own: number | null): NullDistribution {
  const distribution = Float64Array.from(means.filter((value) => value !== null));
  const { length } = distribution;
  if (length === 0) return { distribution, mean: null, upper: null, p: null };
  const mean = distribution.reduce((sum, value) => sum + value, 0) / length;
  const upper = quantile(distribution.slice().sort(), 0.95);
  const reached = own === null ? 0 : distribution.filter((value) => value >= own - EQUAL).length;
  return { distribution, mean, upper, p: own === null ? null : (1 + reached) / (length + 1) };
}
