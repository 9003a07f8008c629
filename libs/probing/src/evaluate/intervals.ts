import { INTERVAL_UNITS, intervalLevels, quantile, requireLevel } from '@sonde/numerics';
import { type Gemm, matrix, openGemm } from '../algebra/gemm.ts';
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

/** So many counts of drawn groups are in memory at a time: 32 MB. */
const COUNTS = 2 ** 22;

/**
 * Bootstrap intervals of probes' correlations, over groups, by percentiles that know how few these are: a prompt's rows
 * are drawn together, as they were sampled. Probes are not fitted anew, so an interval says how far the score depends on
 * the held-out prompts. One provider of resamples gives every layer and target of the same prompts the same draws: their
 * differences are paired.
 *
 * @param targets what was predicted for each; those of the same rows cost little more than one
 */
export async function probeIntervals(
  targets: readonly HeldOutPredictions[],
  resamples: GroupResamples,
  { level = 0.95, threads = 1 }: { readonly level?: number; readonly threads?: number } = {},
): Promise<ProbeIntervals[]> {
  requireLevel('level', level);
  const gemm = await openGemm(threads);
  const alike: { readonly units: Units; readonly places: number[] }[] = [];
  for (const [place, held] of targets.entries()) {
    const rows = knownRows(held);
    const same = alike.find(({ units }) => isOf(units, held, rows));
    if (same === undefined) alike.push({ units: unitsOf(held, rows), places: [place] });
    else same.places.push(place);
  }
  const intervals: ProbeIntervals[] = [];
  for (const { units, places } of alike) {
    const sums = places.map((place) => sumsOf(targets[place]!, units));
    const found = await intervalsOf(gemm, units, sums, resamples, level);
    for (const [i, place] of places.entries()) intervals[place] = found[i]!;
  }
  return intervals;
}

async function intervalsOf(
  gemm: Gemm,
  { names, foldOf, count: folds }: Units,
  sums: readonly Float64Array[],
  resamples: GroupResamples,
  level: number,
): Promise<ProbeIntervals[]> {
  const groups = names.length;
  const own = sums.map((each) => {
    const byFold = new Float64Array(folds * SUMS);
    for (const [at, value] of each.entries()) byFold[foldOf[Math.floor(at / SUMS)]! * SUMS + (at % SUMS)]! += value;
    return scoresOf(byFold);
  });
  if (groups < INTERVAL_UNITS) {
    const none = ({ value }: Score): ScoreInterval => ({
      estimate: value,
      low: null,
      high: null,
      reason: 'too_few_groups',
    });
    return own.map(({ pooled, foldMean }) => ({ groups, pooled: none(pooled), foldMean: none(foldMean) }));
  }
  const { count, indices } = resamples(groups);
  const levels = intervalLevels(level, groups);
  const drawn = own.map(() => ({ pooled: new Float64Array(count), foldMean: new Float64Array(count) }));
  const add = drawnSums(gemm, foldOf, folds, sums);
  const together = Math.max(1, Math.floor(COUNTS / groups));
  for (let first = 0; first < count; first += together) {
    const last = Math.min(count, first + together);
    const byFold = await add(indices.subarray(first * groups, last * groups), last - first);
    for (let b = first; b < last; b++) {
      for (const [t, { pooled, foldMean }] of drawn.entries()) {
        const scores = scoresOf(byFold(b - first, t));
        pooled[b] = scores.pooled.value ?? Number.NaN;
        foldMean[b] = scores.foldMean.value ?? Number.NaN;
      }
    }
  }
  return own.map(({ pooled, foldMean }, t) => ({
    groups,
    pooled: intervalOf(pooled, drawn[t]!.pooled, levels),
    foldMean: intervalOf(foldMean, drawn[t]!.foldMean, levels),
  }));
}

/**
 * Adds up the sums of drawn groups, fold by fold: a product of how often each resample has each group, [resamples,
 * groups], with the groups' sums of all targets, [groups, targets · SUMS].
 */
function drawnSums(gemm: Gemm, foldOf: Int32Array, folds: number, sums: readonly Float64Array[]) {
  const width = sums.length * SUMS;
  const members = Array.from({ length: folds }, (): number[] => []);
  const placeOf = foldOf.map((fold, unit) => members[fold]!.push(unit) - 1);
  const ofFold = members.map((units) => {
    const data = new Float64Array(units.length * width);
    for (const [row, unit] of units.entries()) {
      for (const [t, each] of sums.entries()) {
        data.set(each.subarray(unit * SUMS, (unit + 1) * SUMS), row * width + t * SUMS);
      }
    }
    return matrix(data, units.length, width);
  });
  return async (draws: Uint32Array, resamples: number) => {
    const counts = ofFold.map(({ rows }) => matrix(new Float64Array(resamples * rows), resamples, rows));
    const units = foldOf.length;
    for (let b = 0, at = 0; b < resamples; b++) {
      for (const end = at + units; at < end; at++) {
        const unit = draws[at]!;
        const { data, columns } = counts[foldOf[unit]!]!;
        data[b * columns + placeOf[unit]!]!++;
      }
    }
    const added: Float64Array[] = [];
    for (const [fold, each] of counts.entries()) {
      const none = each.columns === 0;
      added.push(none ? new Float64Array(resamples * width) : await gemm.multiply('nn', each, ofFold[fold]!));
    }
    /** [folds, SUMS] of a resample and a target. */
    return (b: number, t: number): Float64Array => {
      const byFold = new Float64Array(folds * SUMS);
      const start = b * width + t * SUMS;
      for (const [fold, each] of added.entries()) byFold.set(each.subarray(start, start + SUMS), fold * SUMS);
      return byFold;
    };
  };
}

function scoresOf(byFold: Float64Array): { readonly pooled: Score; readonly foldMean: Score } {
  return { pooled: correlation(total(byFold)), foldMean: meanOverFolds(byFold) };
}

function intervalOf(score: Score, distribution: Float64Array, levels: readonly number[]): ScoreInterval {
  if (score.value === null) return { estimate: null, low: null, high: null, reason: score.reason };
  const sorted = distribution.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return { estimate: score.value, low: null, high: null, reason: 'too_few_groups' };
  const [low, high] = levels.map((level) => quantile(sorted, level)) as [number, number];
  return { estimate: score.value, low, high, resamples: sorted.length };
}

/** The groups of the rows that have a value, in an order that depends on their names alone. */
interface Units extends Pick<HeldOutPredictions, 'groups' | 'folds'> {
  /** How many folds there are. */
  readonly count: number;
  readonly rows: Int32Array;
  readonly names: readonly string[];
  /** The rows of each. */
  readonly members: readonly (readonly number[])[];
  readonly foldOf: Int32Array;
}

function knownRows({ target }: HeldOutPredictions): Int32Array {
  return Int32Array.from(target.keys()).filter((row) => !Number.isNaN(target[row]!));
}

function isOf(units: Units, { groups, folds }: HeldOutPredictions, rows: Int32Array): boolean {
  if (units.groups !== groups || units.folds !== folds || units.rows.length !== rows.length) return false;
  return rows.every((row, at) => units.rows[at] === row);
}

function unitsOf({ groups, folds }: HeldOutPredictions, rows: Int32Array): Units {
  const byGroup = rowsByGroup(Array.from(rows, (row) => groups[row]!));
  const names = rankGroups(byGroup.keys(), 0);
  const members = names.map((name) => byGroup.get(name)!.map((place) => rows[place]!));
  const foldOf = Int32Array.from(members, (own) => folds[own.at(-1)!]!);
  const count = 1 + folds.reduce((most, fold) => Math.max(most, fold), -1);
  return { groups, folds, count, rows, names, members, foldOf };
}

/** Sums of each group's rows, less the overall means: [groups, SUMS]. */
function sumsOf({ target, predicted }: HeldOutPredictions, { rows, members }: Units): Float64Array {
  const mean = (values: Float64Array) => rows.reduce((sum, row) => sum + values[row]! / rows.length, 0);
  const [x0, y0] = [mean(target), mean(predicted)];
  const sums = new Float64Array(members.length * SUMS);
  for (const [unit, own] of members.entries()) {
    const at = unit * SUMS;
    for (const row of own) {
      const [x, y] = [target[row]! - x0, predicted[row]! - y0];
      sums[at]! += 1;
      sums[at + 1]! += x;
      sums[at + 2]! += y;
      sums[at + 3]! += x * x;
      sums[at + 4]! += y * y;
      sums[at + 5]! += x * y;
    }
  }
  return sums;
}

/** Sums of each group's rows, in an order that depends on the groups' names alone, less the overall means. */
export function sumsOfGroups(held: HeldOutPredictions) {
  const units = unitsOf(held, knownRows(held));
  return { names: units.names, sums: sumsOf(held, units), foldOf: units.foldOf, folds: units.count };
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
