import { UserError } from '@sonde/base';
import { chiSquareQuantile, fQuantile, requireLevel } from '@sonde/numerics';

/** A component with its interval; null where it is undefined. */
export interface VarianceComponent {
  readonly value: number | null;
  readonly interval: readonly [low: number, high: number] | null;
  /** Degrees of freedom of the mean square that it rests on. */
  readonly df: number;
}

export interface VarianceComponents {
  readonly mean: number;
  /** Values, and the groups that they are in. */
  readonly values: number;
  readonly groups: number;
  /** Between groups (models, settings); never below 0. Undefined with one group. */
  readonly between: VarianceComponent;
  /** Within groups (seeds of one model); undefined where each group has one value. */
  readonly within: VarianceComponent;
  /** Share of the variance that is between groups (intraclass correlation ICC(1)). */
  readonly intraclass: VarianceComponent;
}

/**
 * Splits the variance of values in groups into what is between groups and what is within them (one-way random effects,
 * unequal sizes allowed): whether two models differ by more than two seeds of one model do.
 *
 * Intervals suppose normal values: of the variance within by χ²; of that between by Williams and Tukey; of the share by
 * F. Groups of unequal size count by their means and the harmonic mean of their sizes (Thomas and Hultquist); the intervals
 * are then approximate. Sources: Searle, Casella & McCulloch, "Variance Components", 1992, sections 3.6 and 3.8; Burdick &
 * Graybill, "Confidence Intervals on Variance Components", 1992.
 *
 * @param groups values of each group, without NaN
 */
export function varianceComponents(groups: readonly (readonly number[])[], level = 0.95): VarianceComponents {
  requireLevel('level', level);
  const filled = groups.filter((group) => group.length > 0);
  const all = filled.flat();
  if (all.length === 0) throw new UserError('argument', 'Variance components of no values are undefined.');
  const mean = average(all);
  const means = filled.map(average);
  const df = { between: filled.length - 1, within: all.length - filled.length };
  const squaresWithin = sumOf(filled.map((group, g) => sumOf(group.map((value) => (value - means[g]!) ** 2))));
  const squaresBetween = sumOf(filled.map((group, g) => group.length * (means[g]! - mean) ** 2));
  const within = df.within > 0 ? squaresWithin / df.within : null;
  const size = (all.length - sumOf(filled.map(({ length }) => length ** 2)) / all.length) / df.between;
  const between = df.between > 0 ? Math.max(0, (squaresBetween / df.between - (within ?? 0)) / size) : null;
  const total = between === null || within === null ? 0 : between + within;
  const tails = [(1 - level) / 2, (1 + level) / 2] as const;
  const [ofBetween, ofShare] = within === null || df.between === 0 ? [null, null] : intervalsBetween();
  return {
    mean,
    values: all.length,
    groups: filled.length,
    between: { value: between, interval: ofBetween, df: df.between },
    within: {
      value: within,
      interval:
        within === null
          ? null
          : [
              squaresWithin / chiSquareQuantile(tails[1], df.within),
              squaresWithin / chiSquareQuantile(tails[0], df.within),
            ],
      df: df.within,
    },
    intraclass: { value: total === 0 ? null : between! / total, interval: ofShare, df: df.between },
  };

  function intervalsBetween(): [readonly [number, number] | null, readonly [number, number] | null] {
    const harmonic = filled.length / sumOf(filled.map(({ length }) => 1 / length));
    const overall = average(means);
    const squares = harmonic * sumOf(means.map((value) => (value - overall) ** 2));
    if (within === 0) return [null, null];
    const ratio = squares / df.between / within!;
    const f = tails.map((p) => fQuantile(p, df.between, df.within)) as [number, number];
    const variance = (p: number, limit: number) =>
      Math.max(0, (squares / (harmonic * chiSquareQuantile(p, df.between))) * (1 - limit / ratio));
    const share = (limit: number) => {
      const theta = Math.max(0, (ratio / limit - 1) / harmonic);
      return theta / (1 + theta);
    };
    return [ratio === 0 ? [0, 0] : [variance(tails[1], f[1]), variance(tails[0], f[0])], [share(f[1]), share(f[0])]];
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function average(values: readonly number[]): number {
  return sumOf(values) / values.length;
}
