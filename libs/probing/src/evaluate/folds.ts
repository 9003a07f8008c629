import { UserError } from '@sonde/base';
import { rankOf, requireInteger } from '@sonde/numerics';

/** The group of each row: the id of its prompt. */
export type Groups = readonly string[];

/**
 * Divides rows into k folds: [n], 0 … k − 1. All rows of a group share a fold; folds differ by at most one group's
 * rows. Depends on the set of groups, their sizes and the seed, not on the order of rows: groups, larger ones first
 * and equal ones in the order of a hash of (seed, group), go to the fold with the fewest rows.
 *
 * @throws UserError where there are fewer groups than folds
 */
export function groupedFolds(groups: Groups, k: number, seed: number): Int32Array {
  requireInteger('The number of folds', k, 2);
  requireInteger('seed', seed, 0);
  const rows = rowsByGroup(groups);
  if (rows.size < k) {
    throw new UserError('argument', `${rows.size} groups cannot fill ${k} folds; give more prompts or fewer folds.`);
  }
  const ranked = rankGroups(rows.keys(), seed).sort((a, b) => rows.get(b)!.length - rows.get(a)!.length);
  const sizes = new Array<number>(k).fill(0);
  const folds = new Int32Array(groups.length);
  for (const group of ranked) {
    const fold = sizes.indexOf(Math.min(...sizes));
    const members = rows.get(group)!;
    sizes[fold] = sizes[fold]! + members.length;
    for (const row of members) folds[row] = fold;
  }
  return folds;
}

/** Distinct groups in the order of a hash of (seed, group). */
export function rankGroups(groups: Iterable<string>, seed: number): string[] {
  return [...new Set(groups)]
    .map((group) => ({ group, rank: rankOf(seed, group) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ group }) => group);
}

export function rowsByGroup(groups: Groups): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (const [row, group] of groups.entries()) {
    const members = rows.get(group);
    if (members === undefined) rows.set(group, [row]);
    else members.push(row);
  }
  return rows;
}

/**
 * The number of folds of an assignment.
 *
 * @throws UserError where rows and folds do not match, a fold is empty or a group straddles folds
 */
export function checkFolds(folds: Int32Array, groups: Groups, rows: number): number {
  if (folds.length !== rows || groups.length !== rows) {
    throw new UserError(
      'argument',
      `There are ${rows} states, ${groups.length} groups and ${folds.length} fold numbers; give one of each a row.`,
    );
  }
  const sizes: number[] = [];
  const foldOf = new Map<string, number>();
  for (const [row, group] of groups.entries()) {
    const fold = folds[row]!;
    if (fold < 0) throw new UserError('argument', `Row ${row} has fold ${fold}; folds are numbered from 0.`);
    sizes[fold] = (sizes[fold] ?? 0) + 1;
    const known = foldOf.get(group);
    if (known !== undefined && known !== fold) {
      throw new UserError(
        'argument',
        `Group ${group} has rows in folds ${known} and ${fold}; keep a group in one fold.`,
      );
    }
    foldOf.set(group, fold);
  }
  for (let fold = 0; fold < sizes.length; fold++) {
    if (sizes[fold] === undefined) throw new UserError('argument', `Fold ${fold} of ${sizes.length} has no rows.`);
  }
  if (sizes.length < 2) throw new UserError('argument', `There are ${sizes.length} folds; a probe needs at least two.`);
  return sizes.length;
}
