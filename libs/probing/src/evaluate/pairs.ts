import { type ColumnMoments, columnMoments } from '@sonde/numerics';

/** Why a score is undefined. */
export type ScoreReason = 'too_few_rows' | 'constant_target' | 'constant_prediction' | 'not_binary';

export type Score =
  | { readonly value: number; readonly reason?: never }
  | { readonly value: null; readonly reason: ScoreReason };

/** Targets and predictions of held-out rows, by column. */
export interface Pairs {
  readonly n: number;
  readonly columns: number;
  /** [n, columns], row-major. */
  readonly target: Float64Array;
  readonly predicted: Float64Array;
  readonly ofTarget: ColumnMoments;
  readonly ofPredicted: ColumnMoments;
  /** [n]: the number of each row's group. */
  readonly groups: Int32Array;
}

export function pairsOf(target: Float64Array, predicted: Float64Array, columns: number, groups: Int32Array): Pairs {
  const [ofTarget, ofPredicted] = [columnMoments(target, columns), columnMoments(predicted, columns)];
  return { n: target.length / columns, columns, target, predicted, ofTarget, ofPredicted, groups };
}
