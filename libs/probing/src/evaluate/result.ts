import type { ScoreReason } from './metrics.ts';

/** What a probe is to read from a state. */
export interface ProbeTarget {
  /** Which states are related to which score: `input`, `forward`, `output` or `backward`; kept as a label. */
  readonly scenario: string;
  readonly name: string;
  /** [n]; NaN where the row has no score. */
  readonly values: Float64Array;
}

/** The score of a probe on one held-out fold. */
export interface ProbeFold {
  readonly fold: number;
  /** Held-out rows with a score. */
  readonly n: number;
  /** Between held-out scores and predictions; null with `reason` where undefined. */
  readonly pearson: number | null;
  /** In the square of the target's unit. */
  readonly mse: number | null;
  readonly penalty: number | null;
  /** Mean Pearson correlation of the control task, fitted with the same penalty on permuted labels. */
  readonly control: number | null;
  /** pearson − control. */
  readonly selectivity: number | null;
  readonly reason?: ScoreReason;
}

/** A linear map in raw units: score = intercept + state · weights. */
export interface ProbeMap {
  readonly penalty: number;
  readonly weights: Float64Array;
  readonly intercept: number;
}

export interface ProbeResult {
  readonly scenario: string;
  readonly target: string;
  /** Rows with a score, and without. */
  readonly n: number;
  readonly missing: number;
  readonly folds: readonly ProbeFold[];
  /** [n of the states]: each row's prediction by the probe that was not trained on its fold. Null where a fold could not be fitted. */
  readonly predictions: Float64Array | null;
  /** Fitted on all rows with the penalty of least inner error over all folds; null where it could not be fitted. */
  readonly refit: ProbeMap | null;
}
