/** Why a held-out score is undefined. */
export type ScoreReason = 'too_few_rows' | 'constant_target' | 'constant_prediction';

export type HeldOutScore =
  | { readonly pearson: number; readonly mse: number }
  | { readonly pearson: null; readonly mse: number | null; readonly reason: ScoreReason };

/**
 * Pearson correlation and mean squared error (in the square of the target's unit) of each column of predictions.
 *
 * @param target [n, columns], row-major
 * @param predicted [n, columns]
 */
export function scorePredictions(target: Float64Array, predicted: Float64Array, columns: number): HeldOutScore[] {
  const n = target.length / columns;
  const squares = new Float64Array(columns);
  const x = moments(target, columns);
  const y = moments(predicted, columns);
  const products = new Float64Array(columns);
  for (let row = 0, at = 0; row < n; row++) {
    for (let c = 0; c < columns; c++, at++) {
      squares[c] = squares[c]! + (target[at]! - predicted[at]!) ** 2;
      products[c] = products[c]! + (target[at]! - x.mean[c]!) * (predicted[at]! - y.mean[c]!);
    }
  }
  return Array.from({ length: columns }, (_, c): HeldOutScore => {
    if (n === 0) return { pearson: null, mse: null, reason: 'too_few_rows' };
    const mse = squares[c]! / n;
    if (n < 3) return { pearson: null, mse, reason: 'too_few_rows' };
    if (x.constant(c)) return { pearson: null, mse, reason: 'constant_target' };
    if (y.constant(c)) return { pearson: null, mse, reason: 'constant_prediction' };
    const r = products[c]! / Math.sqrt(x.squares[c]!) / Math.sqrt(y.squares[c]!);
    return { pearson: Math.max(-1, Math.min(1, r)), mse };
  });
}

/** Mean and Σ(value − mean)² of each column, and whether it varies beyond rounding. */
function moments(values: Float64Array, columns: number) {
  const n = values.length / columns;
  const mean = new Float64Array(columns);
  const squares = new Float64Array(columns);
  for (let row = 0, at = 0; row < n; row++) {
    for (let c = 0; c < columns; c++, at++) mean[c] = mean[c]! + (values[at]! - values[c]!) / n;
  }
  for (let c = 0; c < columns && n > 0; c++) mean[c] = values[c]! + mean[c]!;
  for (let row = 0, at = 0; row < n; row++) {
    for (let c = 0; c < columns; c++, at++) squares[c] = squares[c]! + (values[at]! - mean[c]!) ** 2;
  }
  const constant = (c: number) => !(Math.sqrt(squares[c]! / n) > 1e-13 * Math.abs(mean[c]!));
  return { mean, squares, constant };
}
