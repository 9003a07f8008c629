import { UserError } from '@sonde/base';
import { requireInteger } from '@sonde/numerics';

/**
 * The expected maximum of k of the given scores, drawn without replacement: the unbiased estimate of the maximum over k
 * samples from m ≥ k samples at hand. Σ over the ascending scores x_(i) of x_(i) · C(i − 1, k − 1) / C(m, k).
 *
 * @param scores [m] without NaN
 */
export function expectedMaximum(scores: ArrayLike<number>, k: number): number {
  requireInteger('k', k, 1);
  const m = scores.length;
  if (k > m) throw new UserError('argument', `The maximum of ${k} scores cannot be had from ${m}.`);
  const sorted = Float64Array.from(scores).sort();
  // The weight of the largest is k / m; of the next below, times (i − k) / (i − 1).
  let weight = k / m;
  let sum = 0;
  for (let i = m; i >= k; i--) {
    sum += weight * sorted[i - 1]!;
    if (i > 1) weight *= (i - k) / (i - 1);
  }
  return sum;
}

/** The probability that at least one of k scores, drawn without replacement from those given, reaches the threshold. */
export function probabilityOfReaching(scores: ArrayLike<number>, k: number, threshold: number): number {
  return expectedMaximum(
    Array.from(scores, (score) => (score >= threshold ? 1 : 0)),
    k,
  );
}
