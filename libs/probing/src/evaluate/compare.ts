import { INTERVAL_UNITS } from '@sonde/numerics';
import {
  type GroupResamples,
  type HeldOutPredictions,
  intervalOf,
  meanOverFolds,
  type ScoreInterval,
  SUMS,
  sumsOfGroups,
} from './intervals.ts';
import type { Score } from './pairs.ts';

export interface ProbeComparison {
  /** Groups (prompts) that both have. */
  readonly groups: number;
  /** Mean over folds of Pearson's correlation, over these groups. */
  readonly a: Score;
  readonly b: Score;
  /** b less a. */
  readonly difference: ScoreInterval;
}

/**
 * How much better b predicts its targets than a: the difference of their mean correlations over folds, with a percentile
 * bootstrap interval over the groups that both have. Each resample draws the same groups for both, so that what they
 * share does not widen it. Probes are not fitted anew.
 */
export function compareProbes(
  a: HeldOutPredictions,
  b: HeldOutPredictions,
  resamples: GroupResamples,
  level = 0.95,
): ProbeComparison {
  const [first, second] = [sumsOfGroups(a), sumsOfGroups(b)];
  const places = new Map(second.names.map((name, unit) => [name, unit]));
  const shared = [...first.names.keys()].filter((unit) => places.has(first.names[unit]!));
  const partners = shared.map((unit) => places.get(first.names[unit]!)!);
  const score = ({ sums, foldOf, folds }: typeof first, units: readonly number[], drawn?: Uint32Array): Score => {
    const byFold = new Float64Array(folds * SUMS);
    for (let i = 0; i < units.length; i++) {
      const unit = units[drawn?.[i] ?? i]!;
      const at = foldOf[unit]! * SUMS;
      for (let s = 0; s < SUMS; s++) byFold[at + s]! += sums[unit * SUMS + s]!;
    }
    return meanOverFolds(byFold);
  };
  const [ofA, ofB] = [score(first, shared), score(second, partners)];
  const groups = shared.length;
  const none = (difference: Score): ProbeComparison => ({
    groups,
    a: ofA,
    b: ofB,
    difference: {
      estimate: difference.value,
      low: null,
      high: null,
      reason: difference.value === null ? difference.reason : 'too_few_groups',
    },
  });
  if (ofA.value === null) return none(ofA);
  if (ofB.value === null) return none(ofB);
  const difference: Score = { value: ofB.value - ofA.value };
  if (groups < INTERVAL_UNITS) return none(difference);
  const { count, indices } = resamples(groups);
  const distribution = Float64Array.from({ length: count }, (_, r) => {
    const drawn = indices.subarray(r * groups, (r + 1) * groups);
    const [before, after] = [score(first, shared, drawn), score(second, partners, drawn)];
    return (after.value ?? Number.NaN) - (before.value ?? Number.NaN);
  });
  return { groups, a: ofA, b: ofB, difference: intervalOf(difference, distribution, level) };
}
