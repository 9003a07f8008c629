import { UserError } from '@sonde/base';
import { INTERVAL_UNITS, randomStream } from '@sonde/numerics';
import {
  type BootstrapInterval,
  bootstrapInterval,
  bootstrapMeans,
  type IntervalMethod,
  leftOut,
  type Resamples,
} from './bootstrap.ts';

export type PairedComparison = {
  /** Pairs used: units (prompts) that have a value under both. */
  readonly n: number;
  /** Units left out because one of their values is missing. */
  readonly missing: number;
} & (
  | {
      /** Mean of b − a. */
      readonly difference: number;
      /** Bootstrap over units; null where there are fewer than ten. */
      readonly interval: BootstrapInterval | null;
      /** Mean difference over the standard deviation (divisor n − 1) of the differences: Cohen's d_z; null where they do not vary. */
      readonly effect_size: number | null;
      /** Two-sided, by flipping signs: exact for up to 14 differences that are not 0, else from random flips. */
      readonly p: number;
    }
  | { readonly difference: null; readonly interval: null; readonly effect_size: null; readonly p: null }
);

export interface PairedOptions {
  readonly level?: number;
  /** `percentile` by default. */
  readonly method?: IntervalMethod;
  /** Of n units: what the interval is taken over. */
  readonly resamples: (units: number) => Resamples;
  /** Of the sign flips. */
  readonly seed: number;
  /** Random sign flips; 9,999 by default. */
  readonly flips?: number;
}

/**
 * Compares two settings on the same units: a[i] and b[i] are unit i's values, null or NaN where missing. For a difference
 * of differences give the differences themselves as a and b.
 *
 * @throws UserError where lengths differ or a value is infinite
 */
export function comparePaired(
  a: ArrayLike<number | null>,
  b: ArrayLike<number | null>,
  options: PairedOptions,
): PairedComparison {
  if (a.length !== b.length) {
    throw new UserError('argument', `A paired comparison has ${a.length} and ${b.length} values; give pairs.`);
  }
  const differences: number[] = [];
  for (let i = 0; i < a.length; i++) {
    const difference = (b[i] ?? Number.NaN) - (a[i] ?? Number.NaN);
    if (Number.isNaN(difference)) continue;
    if (!Number.isFinite(difference)) {
      throw new UserError('argument', `Pair ${i} of a comparison is (${a[i]}, ${b[i]}); give finite numbers.`);
    }
    differences.push(difference);
  }
  const n = differences.length;
  const missing = a.length - n;
  if (n === 0) return { n, missing, difference: null, interval: null, effect_size: null, p: null };
  const mean = differences.reduce((sum, value) => sum + value, 0) / n;
  const interval =
    n < INTERVAL_UNITS
      ? null
      : bootstrapInterval(bootstrapMeans(differences, options.resamples(n)), mean, {
          units: n,
          level: options.level ?? 0.95,
          method: options.method ?? 'percentile',
          jackknife: leftOut(mean, differences),
        });
  return {
    n,
    missing,
    difference: mean,
    interval,
    effect_size: standardisedMean(differences),
    p: signFlipP(differences, options.seed, options.flips),
  };
}

/** The mean over the standard deviation (divisor n − 1) of differences: Cohen's d_z; null where they do not vary. */
export function standardisedMean(differences: ArrayLike<number>): number | null {
  const n = differences.length;
  if (n < 2) return null;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += differences[i]! / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (differences[i]! - mean) ** 2;
  const spread = Math.sqrt(squares / (n - 1));
  // Equal differences differ from their mean by rounding alone.
  return spread > 1e-12 * Math.abs(mean) ? mean / spread : null;
}

/** Up to this many differences all 2^n signs are tried. */
const EXACT_SIGNS = 14;

/** Two-sided p of differences symmetric about 0: all signs for up to 14 that are not 0, else random flips. */
export function signFlipP(differences: ArrayLike<number>, seed: number, flips = 9999): number {
  return signFlips([differences], seed, flips).pointwise[0]!;
}

export interface SignFlips {
  /** Of each list by itself. */
  readonly pointwise: number[];
  /** Against the largest statistic of all lists under the same signs: controls the family-wise error. */
  readonly family_wise: number[];
}

/**
 * The same of several lists of differences of the same units, whose signs are flipped together, so that what the lists
 * share stays as it is. Of lists of different spread the largest is the one of most |sum| over its root mean square.
 *
 * Source: Westfall & Young, "Resampling-Based Multiple Testing", 1993 (single-step maximum statistic).
 * @param lists of one length, without NaN
 */
export function signFlips(lists: readonly ArrayLike<number>[], seed: number, flips = 9999): SignFlips {
  const places = [...Array(lists[0]?.length ?? 0).keys()].filter((i) => lists.some((list) => list[i] !== 0));
  const values = lists.map((list) => Float64Array.from(places, (i) => list[i]!));
  const lengths = values.map((list) => Math.sqrt(list.reduce((sum, value) => sum + value * value, 0)));
  // Equal sums added up in another order must count as ties.
  const thresholds = values.map((list) => Math.abs(list.reduce((sum, value) => sum + value, 0)) * (1 - 1e-12));
  const alone = new Array<number>(lists.length).fill(0);
  const largest = new Array<number>(lists.length).fill(0);
  let count = 0;
  for (const signs of signsOf(places.length, seed, flips)) {
    count++;
    let most = 0;
    for (const [j, list] of values.entries()) {
      let sum = 0;
      for (let i = 0; i < list.length; i++) sum += signs[i]! * list[i]!;
      if (Math.abs(sum) >= thresholds[j]!) alone[j]!++;
      if (lengths[j]! > 0) most = Math.max(most, Math.abs(sum) / lengths[j]!);
    }
    for (const [j, threshold] of thresholds.entries()) {
      if (lengths[j] === 0 || most >= threshold / lengths[j]!) largest[j]!++;
    }
  }
  const share = (counted: number): number => counted / count;
  return { pointwise: alone.map(share), family_wise: largest.map(share) };
}

/** Every list of n signs for few, else that of the data and random ones; the same array each time. */
function* signsOf(n: number, seed: number, flips: number): Generator<Int8Array> {
  const signs = new Int8Array(n).fill(1);
  if (n <= EXACT_SIGNS) {
    for (let all = 0; all < 2 ** n; all++) {
      for (let i = 0; i < n; i++) signs[i] = (all >> i) & 1 ? 1 : -1;
      yield signs;
    }
    return;
  }
  const stream = randomStream(seed, `sign flips/${n}`);
  yield signs;
  for (let flip = 0; flip < flips; flip++) {
    for (let i = 0, bits = 0; i < n; i++) {
      if (i % 32 === 0) bits = stream.word();
      signs[i] = (bits >>> (i % 32)) & 1 ? 1 : -1;
    }
    yield signs;
  }
}
