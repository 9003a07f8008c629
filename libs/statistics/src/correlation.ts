import { UserError } from '@sonde/base';
import { incompleteBeta, midRanks, normalQuantile, requireLevel, toUnitVector } from '@sonde/numerics';
import { EXACT_PAIRS, permutationDistribution, twoSidedShare } from './rank-distribution.ts';

/** Two points always lie on a line, and have two orders: of fewer pairs than this nothing can be said. */
export const LEAST_PAIRS = 3;

/** Why a correlation is undefined: fewer than three pairs, or one of the two sides does not vary. */
export type CorrelationReason = 'too_few' | 'constant';

export type Correlation = {
  /** Pairs used. */
  readonly n: number;
  /** Pairs left out because one of their values is missing. */
  readonly missing: number;
} & (
  | {
      readonly r: number;
      /** Two-sided, of the hypothesis of no correlation. */
      readonly p: number;
      /** Interval by Fisher's z; [-1, 1] for three pairs. */
      readonly interval: readonly [number, number];
    }
  | { readonly r: null; readonly p: null; readonly interval: null; readonly reason: CorrelationReason }
);

export interface CorrelationOptions {
  /** Coverage of the interval; 0.95 by default. */
  readonly level?: number;
}

/** A list of numbers in which null and NaN mean missing. */
export type Values = ArrayLike<number | null>;

/**
 * Pearson's correlation of n pairs. p is exact under bivariate normality: (r + 1)/2 has a Beta(n/2 − 1, n/2 − 1)
 * distribution. Pairs with a missing value (null, NaN) are left out and counted.
 *
 * @throws UserError where lengths differ or a value is infinite
 */
export function pearson(x: Values, y: Values, options: CorrelationOptions = {}): Correlation {
  const pairs = completePairs(x, y);
  return correlate(pairs.x, pairs.y, pairs.missing, options.level ?? 0.95);
}

/**
 * Spearman's rank correlation: Pearson's correlation of mid-ranks. p counts all n! orders for n ≤ 9, ties included, and
 * comes from Student's t with n − 2 degrees of freedom beyond. Pairs with a missing value (null, NaN) are left out before
 * ranking, and counted.
 *
 * Source: Best & Roberts, "The upper tail probabilities of Spearman's rho", JRSS C 24(3), 1975 (AS 89).
 * @throws UserError where lengths differ or a value is infinite
 */
export function spearman(x: Values, y: Values, options: CorrelationOptions = {}): Correlation {
  const pairs = completePairs(x, y);
  const ranks = { x: midRanks(pairs.x), y: midRanks(pairs.y) };
  const found = correlate(ranks.x.slice(), ranks.y.slice(), pairs.missing, options.level ?? 0.95);
  return found.r === null || found.n > EXACT_PAIRS ? found : { ...found, p: countedP(ranks.x, ranks.y) };
}

function countedP(x: Float64Array, y: Float64Array): number {
  const left = Array.from(x).sort((a, b) => a - b);
  const right = Array.from(y).sort((a, b) => a - b);
  const distribution = permutationDistribution('spearman', left, right, (i, j) => left[i]! * right[j]!);
  let observed = 0;
  for (let i = 0; i < x.length; i++) observed += x[i]! * y[i]!;
  const n = x.length;
  return twoSidedShare(distribution, observed, (n * (n + 1) ** 2) / 4);
}

function correlate(x: Float64Array, y: Float64Array, missing: number, level: number): Correlation {
  requireLevel('level', level);
  const n = x.length;
  const undefinedFor = (reason: CorrelationReason): Correlation => ({
    n,
    missing,
    r: null,
    p: null,
    interval: null,
    reason,
  });
  if (n < LEAST_PAIRS) return undefinedFor('too_few');
  if (!toUnitVector(x) || !toUnitVector(y)) return undefinedFor('constant');
  let sum = 0;
  let less = 0; // |x − y|² / 2 = 1 − r and |x + y|² / 2 = 1 + r keep their digits where r is close to ±1
  let more = 0;
  for (let i = 0; i < n; i++) {
    sum += x[i]! * y[i]!;
    less += (x[i]! - y[i]!) ** 2 / 2;
    more += (x[i]! + y[i]!) ** 2 / 2;
  }
  const r = Math.max(-1, Math.min(1, sum));
  const unexplained = Math.min(1, less * more);
  const p = incompleteBeta(n / 2 - 1, 0.5, unexplained, Math.min(1, r * r));
  return { n, missing, r, p, interval: fisherInterval(n, r, less, more, level) };
}

export function fisherInterval(
  n: number,
  r: number,
  less: number,
  more: number,
  level: number,
): readonly [number, number] {
  if (n <= 3) return [-1, 1];
  if (less === 0 || more === 0) return [r, r];
  const z = 0.5 * Math.log(more / less);
  const half = normalQuantile(0.5 + level / 2) / Math.sqrt(n - 3);
  return [Math.tanh(z - half), Math.tanh(z + half)];
}

export function completePairs(x: Values, y: Values): { x: Float64Array; y: Float64Array; missing: number } {
  if (x.length !== y.length) {
    throw new UserError(
      'argument',
      `The two sides of a correlation have ${x.length} and ${y.length} values; give pairs.`,
    );
  }
  const kept = { x: [] as number[], y: [] as number[] };
  for (let i = 0; i < x.length; i++) {
    const a = x[i] ?? Number.NaN;
    const b = y[i] ?? Number.NaN;
    if (Number.isNaN(a) || Number.isNaN(b)) continue;
    if (!Number.isFinite(a) || !Number.isFinite(b)) {
      throw new UserError('argument', `Pair ${i} of a correlation is (${a}, ${b}); give finite numbers.`);
    }
    kept.x.push(a);
    kept.y.push(b);
  }
  return { x: Float64Array.from(kept.x), y: Float64Array.from(kept.y), missing: x.length - kept.x.length };
}
