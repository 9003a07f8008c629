import { UserError } from '@sonde/base';
import { requireInteger, requireLevel } from './arguments.ts';
import { standardDeviation } from './moments.ts';
import { quantile } from './quantile.ts';
import { randomStream } from './streams.ts';

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

export type IntervalMethod = 'percentile' | 'basic';

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
 * `basic`: these mirrored at the estimate. Null where the statistic is undefined in every resample.
 *
 * Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, chapter 5.
 */
export function bootstrapInterval(
  distribution: Float64Array,
  estimate: number,
  options: { readonly level?: number; readonly method?: IntervalMethod } = {},
): BootstrapInterval | null {
  const level = options.level ?? 0.95;
  requireLevel('level', level);
  const sorted = distribution.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return null;
  const low = quantile(sorted, (1 - level) / 2);
  const high = quantile(sorted, (1 + level) / 2);
  const common = { standard_error: standardDeviation(sorted), resamples: sorted.length };
  if ((options.method ?? 'percentile') === 'percentile') return { low, high, ...common };
  return { low: 2 * estimate - high, high: 2 * estimate - low, ...common };
}

function requireUnits(values: number, resamples: Resamples): void {
  if (values !== resamples.units) {
    throw new UserError(
      'argument',
      `There are ${values} values but resamples of ${resamples.units} units; they must agree.`,
    );
  }
}
