import type { Scores } from './metrics.ts';
import type { Score } from './pairs.ts';

/** What a probe is to read from a state. */
export interface ProbeTarget {
  /** Which states are related to which score: `input`, `forward`, `output` or `backward`; kept as a label. */
  readonly scenario: string;
  readonly name: string;
  /**
   * Targets of one scenario and label are the classes of one categorical target: each is 1 in the rows of its class and 0
   * in all others. A logistic probe fits them together.
   */
  readonly label?: string | undefined;
  /** [n]; NaN where the row has no score. */
  readonly values: Float64Array;
}

/** The scores of a probe on one held-out fold. */
export interface ProbeFold {
  readonly fold: number;
  /** Held-out rows with a score. */
  readonly n: number;
  /** Standard deviation of their scores; null for fewer than two. */
  readonly targetSd: number | null;
  /** Of the held-out rows' predictions. */
  readonly scores: Scores;
  /** What a learner that has penalties chose. */
  readonly penalty: number | null;
  /** Whether that lies at the end of all penalties tried, where errors still fell: a better one may lie beyond. */
  readonly atEdge: boolean;
  /** Mean Pearson correlation over the permutations of labels; null without any. */
  readonly permuted: number | null;
  /** Mean Pearson correlation over the draws of the control task; null without any. */
  readonly control: number | null;
}

/** Scores that a probe reaches when the labels are permuted over groups: it learns nothing that it could keep. */
export interface NullDistribution {
  /** The mean over the folds of Pearson's correlation, for each permutation in which some fold has one. */
  readonly distribution: Float64Array;
  /** Its mean, and what 95 % of it do not exceed; null where it is empty. */
  readonly mean: number | null;
  readonly upper: number | null;
  /** One-sided: (1 + #{permuted ≥ the probe's own mean over folds}) / (permutations + 1). */
  readonly p: number | null;
}

/** A linear map in raw units: score = intercept + state · weights, or the log-odds of the target's higher value. */
export interface ProbeMap {
  readonly penalty: number | null;
  readonly weights: Float64Array;
  readonly intercept: number;
  readonly logOdds: boolean;
}

export interface ProbeResult {
  readonly scenario: string;
  readonly target: string;
  /** Rows with a score, and without. */
  readonly n: number;
  readonly missing: number;
  readonly folds: readonly ProbeFold[];
  /** Mean over the folds in which Pearson's correlation is defined, and how many it is not defined in. */
  readonly foldMean: Score;
  readonly undefinedFolds: number;
  /** Scores of all held-out predictions together; differences between folds' probes count as errors. */
  readonly pooled: Scores;
  /** Null without permutations. */
  readonly permuted: NullDistribution | null;
  /**
   * [n of the states]: each row's prediction by the probe that was not trained on its fold; NaN where its fold is not
   * held out. Null where a fold could not be fitted.
   */
  readonly predictions: Float64Array | null;
  /** Fitted on all rows (of the folds that are not held out, where some never are), its penalty that of least inner error over all folds; null where it could not be fitted or is not linear. */
  readonly refit: ProbeMap | null;
}
