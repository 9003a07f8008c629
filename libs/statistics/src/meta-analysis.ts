import { UserError } from '@sonde/base';
import { normalQuantile, twoSidedNormal } from '@sonde/numerics';

export interface PooledCorrelation {
  readonly r: number;
  readonly interval: readonly [number, number];
  /** Two-sided, of no correlation. */
  readonly p: number;
  readonly studies: number;
  /** Variance between studies of Fisher's z. */
  readonly tau_squared: number;
  /** Share of the variation that is between studies. */
  readonly i_squared: number;
}

/**
 * Pools correlations from few units each (families, seeds) with random effects over Fisher's z.
 *
 * Source: DerSimonian & Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7(3), 1986.
 * @returns null where no study has more than three units
 */
export function poolCorrelations(
  studies: readonly { readonly r: number; readonly n: number }[],
  level = 0.95,
): PooledCorrelation | null {
  const used = studies.filter(({ n }) => n > 3);
  if (used.length === 0) return null;
  for (const { r } of used) {
    if (!(Math.abs(r) < 1)) throw new UserError('argument', `A pooled correlation is ${r}; give one between -1 and 1.`);
  }
  const z = used.map(({ r }) => Math.atanh(r));
  const weights = used.map(({ n }) => n - 3);
  const weighted = (values: readonly number[], by: readonly number[]): number =>
    values.reduce((sum, value, i) => sum + value * by[i]!, 0) / by.reduce((sum, weight) => sum + weight, 0);
  const fixed = weighted(z, weights);
  const q = z.reduce((sum, value, i) => sum + weights[i]! * (value - fixed) ** 2, 0);
  const df = used.length - 1;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const c = total - weights.reduce((sum, weight) => sum + weight ** 2, 0) / total;
  const tau_squared = df === 0 ? 0 : Math.max(0, (q - df) / c);
  const random = weights.map((weight) => 1 / (1 / weight + tau_squared));
  const mean = weighted(z, random);
  const error = 1 / Math.sqrt(random.reduce((sum, weight) => sum + weight, 0));
  const half = normalQuantile(0.5 + level / 2) * error;
  return {
    r: Math.tanh(mean),
    interval: [Math.tanh(mean - half), Math.tanh(mean + half)],
    p: twoSidedNormal(mean / error),
    studies: used.length,
    tau_squared,
    i_squared: q > df && df > 0 ? (q - df) / q : 0,
  };
}
