import { UserError } from '@sonde/base';
import { twoSidedNormal } from '@sonde/numerics';

export interface CorrelationDifference {
  readonly difference: number;
  readonly z: number;
  /** Two-sided, of equal correlations. */
  readonly p: number;
}

/**
 * Tests whether x₁ and x₂ correlate equally with y, over the same n units (two layers with the behaviour of the same
 * models): Steiger's Z̄₁* with Fisher's z and pooled correlations.
 *
 * Source: Steiger, "Tests for comparing elements of a correlation matrix", Psychological Bulletin 87(2), 1980, eq. 14.
 * @param r1 correlation of x₁ with y
 * @param r2 correlation of x₂ with y
 * @param between correlation of x₁ with x₂
 * @returns null where n < 4 or a correlation is ±1: the test is undefined
 */
export function steigerTest(r1: number, r2: number, between: number, n: number): CorrelationDifference | null {
  for (const r of [r1, r2, between]) {
    if (!(r >= -1 && r <= 1)) throw new UserError('argument', `A correlation is ${r}; give a number from -1 to 1.`);
  }
  if (n < 4 || Math.abs(r1) === 1 || Math.abs(r2) === 1) return null;
  const pooled = (r1 + r2) / 2;
  const free = 1 - pooled ** 2;
  const covariance =
    (between * (1 - 2 * pooled ** 2) - (pooled ** 2 * (1 - 2 * pooled ** 2 - between ** 2)) / 2) / free ** 2;
  const spread = 2 - 2 * covariance;
  const difference = r1 - r2;
  if (difference === 0) return { difference, z: 0, p: 1 };
  if (!(spread > 0)) return null;
  const z = (Math.atanh(r1) - Math.atanh(r2)) * Math.sqrt((n - 3) / spread);
  return { difference, z, p: twoSidedNormal(z) };
}

/** Tests whether two correlations from different units (other models) are equal, by Fisher's z; null where undefined. */
export function independentCorrelationsTest(
  first: { readonly r: number; readonly n: number },
  second: { readonly r: number; readonly n: number },
): CorrelationDifference | null {
  if (first.n < 4 || second.n < 4 || Math.abs(first.r) === 1 || Math.abs(second.r) === 1) return null;
  const z = (Math.atanh(first.r) - Math.atanh(second.r)) / Math.sqrt(1 / (first.n - 3) + 1 / (second.n - 3));
  return { difference: first.r - second.r, z, p: twoSidedNormal(z) };
}
