import { twoSidedNormal } from '@sonde/numerics';
import { type Correlation, completePairs, LEAST_PAIRS, type Values } from './correlation.ts';
import { EXACT_PAIRS, permutationDistribution, twoSidedShare } from './rank-distribution.ts';

/** Up to this many pairs without ties the number of inversions is counted exactly. */
const EXACT_INVERSIONS = 100;

/** Kendall's rank correlation; no interval is given for it. */
export type KendallCorrelation = Omit<Correlation, 'interval' | 'r' | 'p'> &
  (
    | { readonly r: number /** Two-sided, of no association. */; readonly p: number; readonly exact: boolean }
    | { readonly r: null; readonly p: null; readonly reason: 'too_few' | 'constant' }
  );

/**
 * Kendall's tau-b of n pairs. p is exact for n ≤ 9 (all orders, ties included) and for n ≤ 100 without ties (the
 * distribution of inversions); beyond, from the normal approximation with the variance corrected for ties. Pairs with a
 * missing value (null, NaN) are left out and counted.
 *
 * Source: Kendall, "Rank Correlation Methods", 4th ed. 1970; Best & Gipps, JRSS C 23(1) 1974 (AS 71).
 * @throws UserError where lengths differ or a value is infinite
 */
export function kendall(x: Values, y: Values): KendallCorrelation {
  const pairs = completePairs(x, y);
  const { missing } = pairs;
  const n = pairs.x.length;
  if (n < LEAST_PAIRS) return { n, missing, r: null, p: null, reason: 'too_few' };
  const { concordant, ties, r } = orderOf(pairs.x, pairs.y);
  if (r === null) return { n, missing, r: null, p: null, reason: 'constant' };
  const tied = ties.x.pairs > 0 || ties.y.pairs > 0;
  if (n <= EXACT_PAIRS) return { n, missing, r, p: countedP(pairs.x, pairs.y, concordant), exact: true };
  if (!tied && n <= EXACT_INVERSIONS) return { n, missing, r, p: inversionsP(n, concordant), exact: true };
  return { n, missing, r, p: twoSidedNormal(concordant / Math.sqrt(variance(n, ties.x, ties.y))), exact: false };
}

/** Tau-b alone, of n pairs without missing values; null where a side is constant. */
export function kendallTau(x: Float64Array, y: Float64Array): number | null {
  return orderOf(x, y).r;
}

function orderOf(x: Float64Array, y: Float64Array) {
  const n = x.length;
  let concordant = 0;
  for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) concordant += agreement(x, y, i, j);
  const all = (n * (n - 1)) / 2;
  const ties = { x: tiesOf(x), y: tiesOf(y) };
  const scale = Math.sqrt((all - ties.x.pairs) * (all - ties.y.pairs));
  return { concordant, ties, r: scale === 0 ? null : Math.max(-1, Math.min(1, concordant / scale)) };
}

function agreement(x: ArrayLike<number>, y: ArrayLike<number>, i: number, j: number): number {
  return Math.sign(x[i]! - x[j]!) * Math.sign(y[i]! - y[j]!);
}

function countedP(x: Float64Array, y: Float64Array, observed: number): number {
  const ranks = { x: denseRanks(x).sort((a, b) => a - b), y: denseRanks(y) };
  const distribution = permutationDistribution('kendall', ranks.x, ranks.y, (i, j, placed) => {
    let sum = 0;
    for (const [other, place] of placed.entries()) {
      sum += Math.sign(ranks.x[i]! - ranks.x[other]!) * Math.sign(ranks.y[j]! - ranks.y[place]!);
    }
    return sum;
  });
  return twoSidedShare(distribution, observed, 0);
}

/** Ranks in which equal values share one and none is left out: all that signs of differences depend on. */
function denseRanks(values: Float64Array): number[] {
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  return Array.from(values, (value) => distinct.indexOf(value));
}

/** From the exact distribution of the number of inversions of n items, built up item by item. */
function inversionsP(n: number, concordant: number): number {
  let shares = Float64Array.of(1);
  for (let items = 2; items <= n; items++) {
    const next = new Float64Array((items * (items - 1)) / 2 + 1);
    for (let k = 0, window = 0; k < next.length; k++) {
      window += (shares[k] ?? 0) - (shares[k - items] ?? 0);
      next[k] = window / items;
    }
    shares = next;
  }
  const all = shares.length - 1;
  const fewer = Math.min((all - concordant) / 2, (all + concordant) / 2);
  let tail = 0;
  for (let k = 0; k <= fewer; k++) tail += shares[k]!;
  return concordant === 0 ? 1 : Math.min(1, 2 * tail);
}

interface Ties {
  readonly pairs: number;
  /** Σ t (t − 1) (t − 2) and Σ t (t − 1) (2 t + 5) over groups of t equal values. */
  readonly triples: number;
  readonly weighted: number;
}

function tiesOf(values: Float64Array): Ties {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let [pairs, triples, weighted] = [0, 0, 0];
  for (const t of counts.values()) {
    pairs += (t * (t - 1)) / 2;
    triples += t * (t - 1) * (t - 2);
    weighted += t * (t - 1) * (2 * t + 5);
  }
  return { pairs, triples, weighted };
}

function variance(n: number, x: Ties, y: Ties): number {
  const untied = n * (n - 1) * (2 * n + 5);
  return (
    (untied - x.weighted - y.weighted) / 18 +
    (2 * x.pairs * y.pairs) / (n * (n - 1)) +
    (x.triples * y.triples) / (9 * n * (n - 1) * (n - 2))
  );
}
