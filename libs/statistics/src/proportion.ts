import { UserError } from '@sonde/base';
import { betaQuantile, normalQuantile, requireInteger, requireLevel } from '@sonde/numerics';

export type ProportionMethod = 'wilson' | 'clopper_pearson';

/**
 * Interval of a proportion from `successes` of n trials. `wilson` (Wilson 1927): close to its level on average;
 * `clopper_pearson` (1934): never below its level. Neither has width zero at 0 or n successes.
 */
export function proportionInterval(
  successes: number,
  n: number,
  { level = 0.95, method = 'wilson' }: { readonly level?: number; readonly method?: ProportionMethod } = {},
): readonly [low: number, high: number] {
  requireInteger('n', n, 1);
  requireInteger('successes', successes, 0);
  requireLevel('level', level);
  if (successes > n) throw new UserError('argument', `There are ${successes} successes in ${n} trials.`);
  const tail = (1 - level) / 2;
  if (method === 'clopper_pearson') {
    return [
      successes === 0 ? 0 : betaQuantile(tail, successes, n - successes + 1),
      successes === n ? 1 : betaQuantile(1 - tail, successes + 1, n - successes),
    ];
  }
  const z = normalQuantile(1 - tail);
  const share = successes / n;
  const denominator = 1 + z ** 2 / n;
  const centre = (share + z ** 2 / (2 * n)) / denominator;
  const half = (z * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2))) / denominator;
  return [successes === 0 ? 0 : centre - half, successes === n ? 1 : centre + half];
}
