import { normalQuantile, requireLevel } from '@sonde/numerics';

/**
 * The smallest correlation that a two-sided test at level alpha finds with the given power from n units, by Fisher's z;
 * 1 where n ≤ 3: no correlation can be found.
 *
 * Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd ed. 1988, chapter 3.
 */
export function detectableCorrelation(n: number, { alpha = 0.05, power = 0.8 } = {}): number {
  requireLevel('alpha', alpha);
  requireLevel('power', power);
  if (n <= 3) return 1;
  return Math.tanh((normalQuantile(1 - alpha / 2) + normalQuantile(power)) / Math.sqrt(n - 3));
}
