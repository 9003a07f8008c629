import { type ClassScores, scoresOfCounts } from './class-scores.ts';
import { correlation, SUMS } from './intervals.ts';

/** Metrics of which many draws of the prompts can be scored. */
export type DrawnMetric = 'pearson' | 'r2' | 'auc' | 'balanced_accuracy' | 'macro_f1';

/** Held-out predictions of one layer of one target, whose score is wanted for many draws of the prompts. */
export interface DrawnScore {
  add(prompt: number, fold: number, truth: number, prediction: number): void;
  /** The score of the drawn prompts' rows within each fold, its mean over the folds that have one. */
  scoreOf(draw: Uint32Array): number | null;
}

/** Scores by the rules of `METRICS`; of a target of classes 1 is the class and 0 the rest. */
export function drawnScore(metric: DrawnMetric, prompts: number): DrawnScore {
  switch (metric) {
    case 'auc':
      return orderedRows(prompts);
    case 'pearson':
      return summedRows(prompts, SUMS, momentsFrom(), (sums) => correlation(sums).value);
    case 'r2':
      return summedRows(prompts, SUMS, momentsFrom(), determination);
    case 'macro_f1':
      return summedRows(prompts, CALLS, callOf, (sums) => classScoresOf(sums)?.macroF1 ?? null);
    case 'balanced_accuracy':
      return summedRows(prompts, CALLS, callOf, (sums) => classScoresOf(sums)?.balancedAccuracy ?? null);
  }
}

type Sums = Float64Array;

/** Rows of a prompt are as good as the sums of what they add to a score. */
function summedRows(
  prompts: number,
  size: number,
  added: (truth: number, prediction: number) => readonly number[],
  scoreOf: (sums: Sums) => number | null,
): DrawnScore {
  const sums = new Float64Array(prompts * size);
  const folds = new Int32Array(prompts);
  return {
    add(prompt, fold, truth, prediction) {
      folds[prompt] = fold;
      for (const [i, value] of added(truth, prediction).entries()) {
        sums[prompt * size + i] = sums[prompt * size + i]! + value;
      }
    },
    scoreOf(draw) {
      const byFold: Float64Array[] = [];
      for (const prompt of draw) {
        const fold = folds[prompt]!;
        let all = byFold[fold];
        if (all === undefined) {
          all = new Float64Array(size);
          byFold[fold] = all;
        }
        const at = prompt * size;
        for (let i = 0; i < size; i++) all[i] = all[i]! + sums[at + i]!;
      }
      return meanOfDefined(byFold.map((all) => (all === undefined ? null : scoreOf(all))));
    },
  };
}

/** `SUMS` of a row, less the first row's truth, so that large values cost no digits. */
function momentsFrom(): (truth: number, prediction: number) => number[] {
  let first: number | undefined;
  return (truth, prediction) => {
    first ??= truth;
    const [x, y] = [truth - first, prediction - first];
    return [1, x, y, x * x, y * y, x * y];
  };
}

/** R² from `SUMS`. */
function determination(sums: Sums): number | null {
  const [n, x, , xx, yy, xy] = sums as unknown as [number, number, number, number, number, number];
  const spread = xx - (x * x) / n;
  return spread > 1e-12 * xx ? 1 - (xx - 2 * xy + yy) / spread : null;
}

/** Rows of the class that were called so, that were not, and likewise of the rest. */
const CALLS = 4;

function callOf(truth: number, prediction: number): number[] {
  const called = prediction >= 0.5 ? 0 : 1;
  return [0, 1, 2, 3].map((i) => (i === (truth === 1 ? 0 : 2) + called ? 1 : 0));
}

/** Undefined where a class has no row, as of the metrics. */
function classScoresOf(sums: Sums): ClassScores | null {
  const [hit, missed, wrong, passed] = sums as unknown as [number, number, number, number];
  if (hit + missed === 0 || wrong + passed === 0) return null;
  return scoresOfCounts([passed, hit], [wrong + passed, hit + missed], [missed + passed, hit + wrong]);
}

interface OrderedRow {
  readonly prompt: number;
  readonly positive: boolean;
  readonly prediction: number;
}

/** For the area under the ROC curve: rows of each fold in the order of their predictions. */
function orderedRows(prompts: number): DrawnScore {
  const byFold: OrderedRow[][] = [];
  let sorted = true;
  return {
    add(prompt, fold, truth, prediction) {
      byFold[fold] ??= [];
      byFold[fold].push({ prompt, positive: truth === 1, prediction });
      sorted = false;
    },
    scoreOf(draw) {
      if (!sorted) for (const rows of byFold) rows?.sort((a, b) => a.prediction - b.prediction);
      sorted = true;
      const times = new Int32Array(prompts);
      for (const prompt of draw) times[prompt]!++;
      return meanOfDefined(byFold.map((rows) => (rows === undefined ? null : areaOf(rows, times))));
    },
  };
}

/** How often a drawn positive row is predicted above a drawn negative one; ties count half. Null where there is no pair. */
function areaOf(rows: readonly OrderedRow[], times: Int32Array): number | null {
  let [positives, negatives, above] = [0, 0, 0];
  for (let start = 0, end = 0; start < rows.length; start = end) {
    let [positiveHere, negativeHere] = [0, 0];
    for (; end < rows.length && rows[end]!.prediction === rows[start]!.prediction; end++) {
      const { prompt, positive } = rows[end]!;
      if (positive) positiveHere += times[prompt]!;
      else negativeHere += times[prompt]!;
    }
    above += positiveHere * (negatives + negativeHere / 2);
    positives += positiveHere;
    negatives += negativeHere;
  }
  return positives * negatives === 0 ? null : above / positives / negatives;
}

function meanOfDefined(scores: readonly (number | null)[]): number | null {
  const defined = scores.filter((score) => score !== null);
  return defined.length === 0 ? null : defined.reduce((sum, score) => sum + score, 0) / defined.length;
}
