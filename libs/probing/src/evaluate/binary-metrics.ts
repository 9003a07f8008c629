import { midRanks } from '@sonde/numerics';
import { type Called, classScores } from './class-scores.ts';
import type { Pairs, Score } from './pairs.ts';

/** Held-out rows of one column whose target has two values: the higher one is positive. */
interface Binary {
  readonly positive: readonly boolean[];
  readonly predicted: Float64Array;
  readonly low: number;
  readonly high: number;
}

/** Metrics of targets of two values; for others `not_binary`. */
export const BINARY_METRICS = {
  auc: ofBinary(auc),
  macro_f1: ofBinary((binary) => classScores(calledClasses(binary), 2).macroF1),
  balanced_accuracy: ofBinary((binary) => classScores(calledClasses(binary), 2).balancedAccuracy),
  brier: ofBinary(brier),
};

/** Area under the ROC curve: how often a positive row is predicted above a negative one; ties count half. */
function auc({ positive, predicted }: Binary): number {
  const ranks = midRanks(predicted);
  const positives = positive.filter(Boolean).length;
  const sum = ranks.reduce((total, rank, r) => total + (positive[r]! ? rank : 0), 0);
  return (sum - (positives * (positives + 1)) / 2) / positives / (positive.length - positives);
}

/** True and called class of each row, which is called positive at or above the middle of the two values. */
function calledClasses({ positive, predicted, low, high }: Binary): Called[] {
  return positive.map((truth, r) => ({ truth: truth ? 1 : 0, called: predicted[r]! >= (low + high) / 2 ? 1 : 0 }));
}

/** Mean squared difference of prediction and truth, on a scale where the two values are 0 and 1. */
function brier({ positive, predicted, low, high }: Binary): number {
  const error = (truth: boolean, r: number) => ((predicted[r]! - low) / (high - low) - (truth ? 1 : 0)) ** 2;
  return positive.reduce((sum, truth, r) => sum + error(truth, r), 0) / positive.length;
}

function ofBinary(score: (binary: Binary) => number): (pairs: Pairs) => Score[] {
  return (pairs) =>
    Array.from({ length: pairs.columns }, (_, c): Score => {
      if (pairs.n === 0) return { value: null, reason: 'too_few_rows' };
      const [low, high = low, ...more] = firstValues(pairs, c, 3);
      if (more.length > 0) return { value: null, reason: 'not_binary' };
      if (low === high) return { value: null, reason: 'constant_target' };
      const column = (values: Float64Array) =>
        Float64Array.from({ length: pairs.n }, (_, r) => values[r * pairs.columns + c]!);
      const positive = Array.from(column(pairs.target), (value) => value === high);
      return { value: score({ positive, predicted: column(pairs.predicted), low: low!, high: high! }) };
    });
}

/** The values of a target's column, ascending; of more than so many, the first that are found. */
function firstValues({ target, columns }: Pairs, column: number, most: number): number[] {
  const values = new Set<number>();
  for (let at = column; at < target.length && values.size < most; at += columns) values.add(target[at]!);
  return [...values].sort((a, b) => a - b);
}
