import { requireLevel } from './arguments.ts';
import { fQuantile, normalDistribution, normalQuantile } from './special.ts';

/**
 * How many standard errors a bootstrap interval reaches to either side. Resamples of n units vary less than samples do,
 * by √((n − 1) / n), and few units know their own spread badly, so Student's t stands for the normal: plain percentiles
 * of ten units miss the truth in one case of eleven instead of one of twenty.
 *
 * Source: Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4), 2015 (expanded
 * percentile interval).
 * @param units that are resampled, 2 or more; Infinity gives the plain percentiles
 */
export function standardErrors(level: number, units: number): number {
  requireLevel('level', level);
  if (units === Number.POSITIVE_INFINITY) return normalQuantile((1 + level) / 2);
  return Math.sqrt((units / (units - 1)) * fQuantile(level, 1, units - 1));
}

/** The levels of the two quantiles of a bootstrap distribution that make an interval: see `standardErrors`. */
export function intervalLevels(level: number, units: number): [below: number, above: number] {
  const below = normalDistribution(-standardErrors(level, units));
  return [below, 1 - below];
}
