import { UserError } from '@sonde/base';
import { INTERVAL_UNITS, randomStream } from '@sonde/numerics';
import { type BootstrapInterval, bootstrapInterval, bootstrapMeans, type Resamples } from './bootstrap.ts';

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
      : bootstrapInterval(bootstrapMeans(differences, options.resamples(n)), mean, { level: options.level ?? 0.95 });
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
  const values = Array.from(differences).filter((value) => value !== 0);
  const observed = Math.abs(values.reduce((sum, value) => sum + value, 0));
  const threshold = observed * (1 - 1e-12);
  if (values.length <= EXACT_SIGNS) {
    let extreme = 0;
    const all = 2 ** values.length;
    for (let signs = 0; signs < all; signs++) {
      let sum = 0;
      for (let i = 0; i < values.length; i++) sum += (signs >> i) & 1 ? values[i]! : -values[i]!;
      if (Math.abs(sum) >= threshold) extreme++;
    }
    return extreme / all;
  }
  const stream = randomStream(seed, `sign flips/${values.length}`);
  let extreme = 1;
  for (let flip = 0; flip < flips; flip++) {
    let sum = 0;
    for (let i = 0, bits = 0; i < values.length; i++) {
      if (i % 32 === 0) bits = stream.word();
      sum += (bits >>> (i % 32)) & 1 ? values[i]! : -values[i]!;
    }
    if (Math.abs(sum) >= threshold) extreme++;
  }
  return extreme / (flips + 1);
}
