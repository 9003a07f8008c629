import type { PREDICTIONS, PROBE_SCORES, RowOf, Scenario } from '@sonde/formats';
import type { ProbeResult } from '@sonde/probing';
import type { FoldedSet, Probed } from './probing.ts';

export type ScoreRow = RowOf<typeof PROBE_SCORES>;
export type PredictionRow = RowOf<typeof PREDICTIONS>;

/** The labels of a result: its scenario is one of those that `readProbeData` gave its target. */
export function labelsOf({ scenario, target }: ProbeResult): { scenario: Scenario; target: string } {
  return { scenario: scenario as Scenario, target };
}

export function scoreRows(probed: Probed, depth: number, mode: string): ScoreRow[] {
  const { features, layer, seed, result, target } = probed;
  const overall = overallOf(probed);
  return result.folds.map((fold, place): ScoreRow => {
    const { control } = fold;
    const { pearson, r2, within_pearson, mse, auc, brier } = fold.scores;
    const classes = probed.classes?.[place];
    const ofClass = target.ofClass !== undefined;
    return {
      features,
      layer,
      relative_depth: layer === null ? null : layer / depth,
      ...labelsOf(result),
      class: target.ofClass?.value ?? null,
      learner: probed.learner,
      seed,
      fold: fold.fold,
      pearson: pearson.value,
      r2: r2.value,
      within_prompt: within_pearson.value,
      mse: mse.value,
      auc: ofClass ? auc.value : null,
      brier: ofClass ? brier.value : null,
      balanced_accuracy: classes?.balancedAccuracy ?? null,
      macro_f1: classes?.macroF1 ?? null,
      n: fold.n,
      target_sd: fold.targetSd,
      penalty: fold.penalty,
      at_edge: fold.atEdge,
      control_task: control,
      selectivity: pearson.value === null || control === null ? null : pearson.value - control,
      ...overall,
      mode,
      reason: pearson.reason ?? null,
    };
  });
}

/** What is said of all folds together. */
function overallOf({ result, intervals, compression }: Probed) {
  const { permuted } = result;
  return {
    fold_mean: result.foldMean.value,
    fold_mean_low: intervals?.foldMean.low ?? null,
    fold_mean_high: intervals?.foldMean.high ?? null,
    undefined_folds: result.undefinedFolds,
    pooled: result.pooled.pearson.value,
    pooled_low: intervals?.pooled.low ?? null,
    pooled_high: intervals?.pooled.high ?? null,
    interval_reason:
      intervals === null ? 'no_predictions' : (intervals.foldMean.reason ?? intervals.pooled.reason ?? null),
    permutations: permuted?.distribution.length ?? 0,
    null_mean: permuted?.mean ?? null,
    null_95: permuted?.upper ?? null,
    p: permuted?.p ?? null,
    compression,
  };
}

export function predictionRows({ result, layer, seed }: Probed, { set, folds }: FoldedSet): PredictionRow[] {
  const truth = truthOf(result, set);
  return set.rows.flatMap(({ promptId, sample }, i) => {
    const prediction = result.predictions?.[i] ?? Number.NaN;
    if (Number.isNaN(prediction) || Number.isNaN(truth[i]!)) return [];
    const row = { prompt_id: promptId, sample, ...labelsOf(result), layer: layer!, seed };
    return [{ ...row, fold: folds[i]!, truth: truth[i]!, prediction }];
  });
}

function truthOf(result: ProbeResult, { targets }: FoldedSet['set']): Float64Array {
  return targets.find(({ scenario, name }) => scenario === result.scenario && name === result.target)!.values;
}
