import { INTERVAL_UNITS, quantile, requireLevel } from '@sonde/numerics';
import { type Groups, rankGroups, rowsByGroup } from './folds.ts';
import type { Score, ScoreReason } from './pairs.ts';

/** Held-out predictions of one target, with what divided the rows. */
export interface HeldOutPredictions {
  /** [n]; NaN where the row has no score. */
  readonly target: Float64Array;
  /** [n] */
  readonly predicted: Float64Array;
  readonly groups: Groups;
  readonly folds: Int32Array;
}

/** The resamples of n groups: in each of `count`, n numbers of groups drawn with replacement, one after another. */
export type GroupResamples = (groups: number) => { readonly count: number; readonly indices: Uint32Array };

export type ScoreInterval =
  | {
      readonly estimate: number;
      readonly low: number;
      readonly high: number;
      /** Resamples in which the score is defined. */
      readonly resamples: number;
      readonly reason?: never;
    }
  | { readonly estimate: number | null; readonly low: null; readonly high: null; readonly reason: IntervalReason };

export type IntervalReason = ScoreReason | 'too_few_groups';

export interface ProbeIntervals {
  /** Groups (prompts) that were resampled. */
  readonly groups: number;
  /** Of Pearson's correlation of all held-out predictions together. */
  readonly pooled: ScoreInterval;
  /** Of the mean over folds of Pearson's correlation within the fold. */
  readonly foldMean: ScoreInterval;
}

/** n, Σx, Σy, Σx², Σy², Σxy of the targets x and predictions y of some rows. */
export const SUMS = 6;

/**
 * Percentile bootstrap intervals of a probe's correlation, over groups: a prompt's rows are drawn together, as they
 * were sampled. Probes are not fitted anew, so the interval says how far the score depends on the held-out prompts.
 * One provider of resamples gives every layer and target of the same prompts the same draws: their differences are
 * paired.
 */
export function probeIntervals(held: HeldOutPredictions, resamples: GroupResamples, level = 0.95): ProbeIntervals {
  requireLevel('level', level);
  const { sums, foldOf, folds } = sumsOfGroups(held);
  const units = foldOf.length;
  const all = new Float64Array(folds * SUMS);
  const correlations = (draw: Uint32Array): { pooled: Score; foldMean: Score } => {
    all.fill(0);
    for (const unit of draw) {
      const at = foldOf[unit]! * SUMS;
      for (let i = 0; i < SUMS; i++) all[at + i] = all[at + i]! + sums[unit * SUMS + i]!;
    }
    return { pooled: correlation(total(all)), foldMean: meanOverFolds(all) };
  };
  const own = correlations(Uint32Array.from({ length: units }, (_, unit) => unit));
  if (units < INTERVAL_UNITS) {
    const none = ({ value }: Score): ScoreInterval => ({
      estimate: value,
      low: null,
      high: null,
      reason: 'too_few_groups',
    });
    return { groups: units, pooled: none(own.pooled), foldMean: none(own.foldMean) };
  }
  const { count, indices } = resamples(units);
  const pooled = new Float64Array(count);
  const foldMean = new Float64Array(count);
  for (let b = 0; b < count; b++) {
    const drawn = correlations(indices.subarray(b * units, (b + 1) * units));
    pooled[b] = drawn.pooled.value ?? Number.NaN;
    foldMean[b] = drawn.foldMean.value ?? Number.NaN;
  }
  return {
    groups: units,
    pooled: intervalOf(own.pooled, pooled, level),
    foldMean: intervalOf(own.foldMean, foldMean, level),
  };
}

export function intervalOf(score: Score, distribution: Float64Array, level: number): ScoreInterval {
  if (score.value === null) return { estimate: null, low: null, high: null, reason: score.reason };
  const sorted = distribution.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return { estimate: score.value, low: null, high: null, reason: 'too_few_groups' };
  const [low, high] = [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
  return { estimate: score.value, low, high, resamples: sorted.length };
}

/** Sums of each group's rows, in an order that depends on the groups' names alone, less the overall means. */
export function sumsOfGroups({ target, predicted, groups, folds }: HeldOutPredictions) {
  const rows = Int32Array.from(target.keys()).filter((row) => !Number.isNaN(target[row]!));
  const members = rowsByGroup(Array.from(rows, (row) => groups[row]!));
  const names = rankGroups(members.keys(), 0);
  const mean = (values: Float64Array) => rows.reduce((sum, row) => sum + values[row]! / rows.length, 0);
  const [x0, y0] = [mean(target), mean(predicted)];
  const sums = new Float64Array(names.length * SUMS);
  const foldOf = new Int32Array(names.length);
  for (const [unit, name] of names.entries()) {
    for (const place of members.get(name)!) {
      const row = rows[place]!;
      const [x, y] = [target[row]! - x0, predicted[row]! - y0];
      for (const [i, value] of [1, x, y, x * x, y * y, x * y].entries()) {
        sums[unit * SUMS + i] = sums[unit * SUMS + i]! + value;
      }
      foldOf[unit] = folds[row]!;
    }
  }
  return { names, sums, foldOf, folds: 1 + folds.reduce((most, fold) => Math.max(most, fold), -1) };
}

function total(byFold: Float64Array): Float64Array {
  const out = new Float64Array(SUMS);
  for (const [i, value] of byFold.entries()) out[i % SUMS] = out[i % SUMS]! + value;
  return out;
}

/** Mean of the folds' correlations that are defined; where none is, the first one's reason. */
export function meanOverFolds(byFold: Float64Array): Score {
  let sum = 0;
  let defined = 0;
  let reason: ScoreReason = 'too_few_rows';
  for (let at = byFold.length - SUMS; at >= 0; at -= SUMS) {
    const score = correlation(byFold.subarray(at, at + SUMS));
    if (score.value === null) reason = score.reason;
    else {
      sum += score.value;
      defined++;
    }
  }
  return defined === 0 ? { value: null, reason } : { value: sum / defined };
}

/** Pearson's correlation from the sums of some rows: [SUMS]. */
export function correlation(sums: Float64Array): Score {
  const [n, x, y, xx, yy, xy] = sums as unknown as [number, number, number, number, number, number];
  if (n < 3) return { value: null, reason: 'too_few_rows' };
  const [varX, varY] = [xx - (x * x) / n, yy - (y * y) / n];
  if (!(varX > 1e-12 * xx)) return { value: null, reason: 'constant_target' };
  if (!(varY > 1e-12 * yy)) return { value: null, reason: 'constant_prediction' };
  return { value: Math.max(-1, Math.min(1, (xy - (x * y) / n) / Math.sqrt(varX) / Math.sqrt(varY))) };
}
