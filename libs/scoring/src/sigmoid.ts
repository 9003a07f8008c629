const LN2 = Math.LN2;

/**
 * exp(x) by additions, multiplications and divisions alone, which IEEE 754 fixes to the last bit; `Math.exp` may differ
 * between engines. Relative error below 1e-14 for |x| ≤ 40.
 */
function exp(x: number): number {
  const k = Math.round(x / LN2);
  const r = x - k * LN2;
  // Taylor series by Horner's rule; |r| ≤ 0.35, so the first term left out is below 1e-17.
  let value = 1;
  for (let i = 14; i >= 1; i--) value = 1 + (r / i) * value;
  const factor = k < 0 ? 0.5 : 2;
  for (let i = Math.abs(k); i > 0; i--) value *= factor;
  return value;
}

/** The logistic function, rounded to 1e-6, the same on every machine. */
export function sigmoid(logit: number): number {
  const bounded = Math.min(Math.max(logit, -40), 40);
  return Math.round(1e6 / (1 + exp(-bounded))) / 1e6;
}
