import { columnMoments, columnPearson } from '@sonde/numerics';

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
  const x = columnMoments(target, columns);
  const y = columnMoments(predicted, columns);
  const pearson = columnPearson(target, predicted, columns, x, y);
  for (let row = 0, at = 0; row < n; row++) {
    for (let c = 0; c < columns; c++, at++) {
      squares[c] = squares[c]! + (target[at]! - predicted[at]!) ** 2;
    }
  }
  return Array.from({ length: columns }, (_, c): HeldOutScore => {
    if (n === 0) return { pearson: null, mse: null, reason: 'too_few_rows' };
    const mse = squares[c]! / n;
    if (n < 3) return { pearson: null, mse, reason: 'too_few_rows' };
    if (x.constant(c)) return { pearson: null, mse, reason: 'constant_target' };
    if (y.constant(c)) return { pearson: null, mse, reason: 'constant_prediction' };
    return { pearson: pearson[c]!, mse };
  });
}
