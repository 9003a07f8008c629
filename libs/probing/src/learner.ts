import type { Score } from './evaluate/pairs.ts';
import type { LinearMaps } from './learners/linear.ts';
import type { Progress } from './progress.ts';
import type { Problem } from './rows.ts';

/** A training and a test set, as cells of a problem. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** A split with the splits of its training set on which a learner may choose its setting. */
export interface OuterSplit extends Split {
  readonly inner: readonly Split[];
}

/** Probes of some columns of a problem, fitted on a training set. */
export interface Fitted {
  readonly columns: readonly number[];
  /** What a learner that has penalties chose, one a column; null for others. */
  readonly penalties: readonly number[] | null;
  /** Whether a column's penalty lies at the edge of what was tried, so that a better one may lie beyond; [columns]. */
  readonly atEdge: readonly boolean[];
  /** The probes as linear maps; null where they are not linear. */
  readonly maps: LinearMaps | null;
  /** Whether the maps give the log-odds of the target's higher value instead of the target. */
  readonly logOdds?: boolean;
}

/**
 * Fits probes on the splits of one problem. All columns of a fit, and all fits, belong to one learner, so that what
 * they share (a Gram matrix, a factorisation) is computed once.
 */
export interface Learner<Probe extends Fitted = Fitted> {
  /** Fits the given columns on split number `split`; null where there are too few rows. */
  fit(split: number, columns: readonly number[]): Promise<Probe | null>;
  /** Predictions of shifted targets by the probe's first `count` columns: [rows, count]. */
  predict(probe: Probe, rows: Int32Array, count: number): Promise<Float64Array>;
  /**
   * Pearson's correlation of predictions and targets over the split's test rows, of the probes that `fit` would make of
   * some columns; null where that is null. Only where a learner has it for less than fitting and predicting.
   */
  correlations?(split: number, columns: readonly number[]): Promise<Score[] | null>;
}

/**
 * Opens a learner on a problem and the splits that it will be asked for.
 *
 * @param progress told of what is done when it is opened, as a share of that and all fits
 */
export type OpenLearner = (problem: Problem, splits: readonly OuterSplit[], progress?: Progress) => Promise<Learner>;
