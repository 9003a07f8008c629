/** Why a held-out score is undefined. */
export type ScoreReason = 'too_few_rows' | 'constant_target' | 'constant_prediction';

export type HeldOutScore =
  | { readonly pearson: number; readonly mse: number }
  | { readonly pearson: null; readonly mse: number | null; readonly reason: ScoreReason };

/** Pearson correlation and mean squared error of predictions, in the square of the target's unit. */
export function scorePredictions(target: Float64Array, predicted: Float64Array): HeldOutScore {
  const n = target.length;
  if (n === 0) return { pearson: null, mse: null, reason: 'too_few_rows' };
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (target[i]! - predicted[i]!) ** 2;
  const mse = squares / n;
  if (n < 3) return { pearson: null, mse, reason: 'too_few_rows' };
  const x = centred(target);
  const y = centred(predicted);
  if (x === null) return { pearson: null, mse, reason: 'constant_target' };
  if (y === null) return { pearson: null, mse, reason: 'constant_prediction' };
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < n; i++) {
    xy += x[i]! * y[i]!;
    xx += x[i]! * x[i]!;
    yy += y[i]! * y[i]!;
  }
  return { pearson: Math.max(-1, Math.min(1, xy / Math.sqrt(xx) / Math.sqrt(yy))), mse };
}

/** Values less their mean, scaled to a largest magnitude of 1; null where they do not vary beyond rounding. */
function centred(values: Float64Array): Float64Array | null {
  const first = values[0]!;
  let mean = 0;
  for (const value of values) mean += (value - first) / values.length;
  const out = values.map((value) => value - first - mean);
  let largest = 0;
  for (const value of out) largest = Math.max(largest, Math.abs(value));
  if (!(largest > 1e-13 * Math.abs(first + mean))) return null;
  return out.map((value) => value / largest);
}
