import { UserError } from '@sonde/base';
import {
  intervalLevels,
  normalDistribution,
  normalQuantile,
  quantile,
  randomStream,
  requireInteger,
  standardDeviation,
  standardErrors,
} from '@sonde/numerics';

/** B resamples of n units with replacement; the units are prompts wherever prompts are what was sampled. */
export interface Resamples {
  readonly units: number;
  readonly count: number;
  /** Unit drawn at place i of resample b: `indices[b * units + i]`. */
  readonly indices: Uint32Array;
}

/** Gives the resamples of n units. */
export type ResampleProvider = (units: number) => Resamples;

/**
 * Resamples drawn from the stream (seed, name): the same n gives the same resamples, whatever was asked before. They
 * are kept for as long as the provider, so that many statistics of the same prompts share them.
 */
export function resampler(seed: number, name: string, count: number): ResampleProvider {
  requireInteger('count', count, 1);
  const kept = new Map<number, Resamples>();
  return (units) => {
    const known = kept.get(units);
    if (known !== undefined) return known;
    requireInteger('units', units, 1);
    const stream = randomStream(seed, `${name}/${units}`);
    const indices = new Uint32Array(count * units);
    for (let i = 0; i < indices.length; i++) indices[i] = stream.below(units);
    const drawn = { units, count, indices };
    kept.set(units, drawn);
    return drawn;
  };
}

export type IntervalMethod = 'percentile' | 'basic' | 'bca';

export interface BootstrapInterval {
  readonly low: number;
  readonly high: number;
  /** Standard deviation of the statistic over the resamples (divisor B − 1); null for a single resample. */
  readonly standard_error: number | null;
  /** Resamples in which the statistic is defined. */
  readonly resamples: number;
}

/** The mean of values [n] in each resample: [B]. */
export function bootstrapMeans(values: ArrayLike<number>, resamples: Resamples): Float64Array {
  requireUnits(values.length, resamples);
  const { units, count, indices } = resamples;
  const data = values instanceof Float64Array ? values : Float64Array.from(values);
  const means = new Float64Array(count);
  for (let b = 0, at = 0; b < count; b++) {
    let sum = 0;
    for (const end = at + units; at < end; at++) sum += data[indices[at]!]!;
    means[b] = sum / units;
  }
  return means;
}

/**
 * Any statistic in each resample: [B]. The statistic is given the resampled units and returns null (kept as NaN
 * here, left out by `bootstrapInterval`) where it is undefined, such as a correlation of equal values.
 */
export function bootstrapStatistic(
  statistic: (units: Uint32Array) => number | null,
  resamples: Resamples,
): Float64Array {
  const { units, count, indices } = resamples;
  const values = new Float64Array(count);
  for (let b = 0; b < count; b++) {
    values[b] = statistic(indices.subarray(b * units, (b + 1) * units)) ?? Number.NaN;
  }
  return values;
}

/**
 * Interval from the distribution of a statistic over resamples. `percentile`: its quantiles, linearly interpolated;
 * `basic`: these mirrored at the estimate; `bca`: its quantiles at levels corrected for bias and skewness, for which
 * `jackknife` is needed; at levels that know how few units there are. Null where the statistic is undefined in every resample.
 *
 * Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, chapter 5; BCa: Efron, "Better bootstrap
 * confidence intervals", JASA 82(397), 1987.
 * @param options.units how many were resampled; Infinity for plain percentiles, as other programs have them
 * @param options.jackknife the statistic with each unit left out
 */
export function bootstrapInterval(
  distribution: Float64Array,
  estimate: number,
  options: {
    readonly units: number;
    readonly level?: number;
    readonly method?: IntervalMethod;
    readonly jackknife?: ArrayLike<number>;
  },
): BootstrapInterval | null {
  const { units, level = 0.95 } = options;
  const levels = intervalLevels(level, units);
  const sorted = distribution.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return null;
  const common = { standard_error: standardDeviation(sorted), resamples: sorted.length };
  if (options.method === 'bca') {
    const [below, above] = correctedLevels(sorted, estimate, options.jackknife, standardErrors(level, units)) ?? levels;
    return { low: quantile(sorted, below), high: quantile(sorted, above), ...common };
  }
  const [low, high] = levels.map((each) => quantile(sorted, each)) as [number, number];
  if ((options.method ?? 'percentile') === 'percentile') return { low, high, ...common };
  return { low: 2 * estimate - high, high: 2 * estimate - low, ...common };
}

/** A statistic with each unit left out, from what each adds to it (pseudo-values, or values whose mean it is): [n]. */
export function leftOut(statistic: number, contributions: ArrayLike<number>): Float64Array {
  const n = contributions.length;
  return Float64Array.from(contributions, (own) => (n * statistic - own) / (n - 1));
}

function correctedLevels(
  sorted: Float64Array,
  estimate: number,
  jackknife: ArrayLike<number> | undefined,
  z: number,
): [below: number, above: number] | undefined {
  if (jackknife === undefined) throw new UserError('argument', 'A BCa interval needs the jackknife of its statistic.');
  let [less, equal] = [0, 0];
  for (const value of sorted) {
    if (value < estimate) less++;
    else if (value === estimate) equal++;
  }
  const share = (less + equal / 2) / sorted.length;
  // Where every resample lies on one side, nothing can be corrected.
  if (share <= 0 || share >= 1) return undefined;
  const bias = normalQuantile(share);
  const left = Array.from(jackknife);
  const mean = left.reduce((sum, value) => sum + value, 0) / left.length;
  const squares = left.reduce((sum, value) => sum + (mean - value) ** 2, 0);
  const cubes = left.reduce((sum, value) => sum + (mean - value) ** 3, 0);
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const corrected = (at: number): number => normalDistribution(bias + (bias + at) / (1 - acceleration * (bias + at)));
  return [corrected(-z), corrected(z)];
}

function requireUnits(values: number, resamples: Resamples): void {
  if (values !== resamples.units) {
    throw new UserError(
      'argument',
      `There are ${values} values but resamples of ${resamples.units} units; they must agree.`,
    );
  }
}
