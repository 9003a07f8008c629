import { UserError } from '@sonde/base';

export interface VarianceComponents {
  readonly mean: number;
  /** Between groups (models); never below 0. */
  readonly between: number;
  /** Within groups (seeds of one model); null where each group has one value. */
  readonly within: number | null;
  /** Share of the variance that is between groups (intraclass correlation ICC(1)); null where undefined. */
  readonly intraclass: number | null;
}

/**
 * Splits the variance of values in groups into what is between groups and what is within them (one-way random effects,
 * unequal sizes allowed): whether two models differ by more than two seeds of one model do.
 *
 * Source: Searle, Casella & McCulloch, "Variance Components", 1992, section 3.6 (analysis of variance estimators).
 * @param groups values of each group, without NaN
 */
export function varianceComponents(groups: readonly (readonly number[])[]): VarianceComponents {
  const filled = groups.filter((group) => group.length > 0);
  const all = filled.flat();
  if (all.length === 0) throw new UserError('argument', 'Variance components of no values are undefined.');
  const mean = average(all);
  const spare = all.length - filled.length;
  const squaresWithin = filled.reduce(
    (sum, group) => sum + group.reduce((inner, value) => inner + (value - average(group)) ** 2, 0),
    0,
  );
  const squaresBetween = filled.reduce((sum, group) => sum + group.length * (average(group) - mean) ** 2, 0);
  const within = spare > 0 ? squaresWithin / spare : null;
  if (filled.length < 2) return { mean, between: 0, within, intraclass: null };
  const size =
    (all.length - filled.reduce((sum, { length }) => sum + length ** 2, 0) / all.length) / (filled.length - 1);
  const between = Math.max(0, (squaresBetween / (filled.length - 1) - (within ?? 0)) / size);
  const total = between + (within ?? 0);
  return { mean, between, within, intraclass: within === null || total === 0 ? null : between / total };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
