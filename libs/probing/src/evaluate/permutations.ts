import { digestStream, randomPermutation } from '@sonde/numerics';
import { type Groups, rankGroups, rowsByGroup } from './folds.ts';

/**
 * The control task of selectivity: labels permuted over groups, so that a group's rows move together. Hewitt and
 * Liang 2019, "Designing and interpreting probes with control tasks"; here labels are permuted, not drawn by type.
 *
 * @param rows the rows that have a label
 * @returns for each permutation, the row [n] whose label each row is given; −1 for rows without label. Where a group
 * has fewer rows than the one it labels, its labels are repeated in order.
 */
export function controlSources(groups: Groups, rows: Int32Array, permutations: number, seed: number): Int32Array[] {
  const members = rowsByGroup(Array.from(rows, (row) => groups[row]!));
  const ranked = rankGroups(members.keys(), seed);
  return Array.from({ length: permutations }, (_, p) => {
    const order = randomPermutation(digestStream(seed, `control/${p}`), ranked.length);
    const sources = new Int32Array(groups.length).fill(-1);
    for (const [i, group] of ranked.entries()) {
      const from = members.get(ranked[order[i]!]!)!;
      for (const [place, at] of members.get(group)!.entries()) sources[rows[at]!] = rows[from[place % from.length]!]!;
    }
    return sources;
  });
}
