import { UserError } from '@sonde/base';
import { randomPermutation, randomStream, requireInteger } from '@sonde/numerics';

/**
 * `count` random permutations of n units (prompts, models) from the stream (seed, name): [count, n], row k a
 * permutation of 0 … n − 1 (Fisher–Yates).
 */
export function permutations(seed: number, name: string, units: number, count: number): Uint32Array[] {
  requireInteger('units', units, 1);
  requireInteger('count', count, 0);
  const stream = randomStream(seed, `${name}/${units}`);
  return Array.from({ length: count }, () => randomPermutation(stream, units));
}

export interface PermutationP {
  /** For each statistic by itself. */
  readonly pointwise: number[];
  /** Against the largest statistic of each permutation (Westfall and Young 1993): controls the family-wise error. */
  readonly family_wise: number[];
}

/**
 * Two-sided permutation p-values (1 + #{|null| ≥ |observed|}) / (permutations + 1), which are never 0.
 *
 * @param observed [m] statistics
 * @param nulls [permutations][m] the same statistics under each permutation
 */
export function permutationPValues(observed: ArrayLike<number>, nulls: readonly ArrayLike<number>[]): PermutationP {
  const m = observed.length;
  const pointwise = new Array<number>(m).fill(1);
  const family_wise = new Array<number>(m).fill(1);
  for (const [k, row] of nulls.entries()) {
    if (row.length !== m) {
      throw new UserError(
        'argument',
        `Permutation ${k} has ${row.length} statistics but ${m} were observed; give the same.`,
      );
    }
    let largest = 0;
    for (let j = 0; j < m; j++) largest = Math.max(largest, Math.abs(row[j]!));
    for (let j = 0; j < m; j++) {
      // Equal statistics computed in another order must count as ties.
      const threshold = Math.abs(observed[j]!) - 1e-12;
      if (Math.abs(row[j]!) >= threshold) pointwise[j] = pointwise[j]! + 1;
      if (largest >= threshold) family_wise[j] = family_wise[j]! + 1;
    }
  }
  const share = (value: number) => value / (nulls.length + 1);
  return { pointwise: pointwise.map(share), family_wise: family_wise.map(share) };
}
