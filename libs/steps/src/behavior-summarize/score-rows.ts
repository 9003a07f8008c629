import { chooseAttributes, type Prompts, type ScoreGrid } from '@sonde/formats';
import {
  availableMaximum,
  type ContinuationScores,
  expectedMaximumAt,
  type IntervalOptions,
  summarizeBehavior,
} from '@sonde/statistics';
import { GROUP_OF } from '../shared/groups.ts';
import type { Config } from './config.ts';
import {
  emptyScore,
  emptyShare,
  estimated,
  intervals,
  promptScorerOf,
  promptSet,
  promptsIn,
  type Summarised,
  type SummaryRow,
  scorerOf,
  scoresOfPrompts,
} from './rows.ts';

/** EMT, probability of a high score and mean score of each attribute, by prompts' own scores where these are known. */
export function scoreRows(
  config: Config,
  grid: ScoreGrid,
  summarised: Summarised,
  prompts: Prompts | undefined,
): SummaryRow[] {
  const { promptIds, k, unmatched } = summarised;
  const { mode } = config;
  const interval = intervals(config, 'prompts');
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').flatMap((attribute) => {
    const promptScores = scoresOfPrompts(promptIds, prompts, attribute);
    const scores = { scores: grid.scores(attribute, promptIds, k, emptyScore(config)), k };
    return summarizeBehavior(scores, promptScores, mode, interval)
      .filter(({ subset }) => subset === 'all' || prompts !== undefined)
      .flatMap((summary): SummaryRow[] => {
        const ids = promptsIn(summary.subset, promptIds, promptScores);
        const shared = {
          attribute,
          group: GROUP_OF[summary.subset],
          k,
          prompts: summary.prompts,
          scored: summary.prompts_fully_scored,
          missing: summary.missing_share,
          empty: emptyShare(grid, ids, k),
          unmatched,
          mode,
          scorer: scorerOf(grid),
          prompt_scorer: promptScorerOf(prompts),
          prompt_set: promptSet(promptIds),
        };
        const spoken = { scores: grid.scores(attribute, ids, k), k };
        const differs = spoken.scores.some((score) => Number.isNaN(score));
        return [
          { ...shared, metric: 'emt', ...estimated(summary.expected_maximum_toxicity) },
          ...(differs ? [availableRow(shared, spoken, interval)] : []),
          ...(summary.subset === 'all' ? curveRows(shared, scores, interval) : []),
          { ...shared, metric: 'probability', ...estimated(summary.toxicity_probability) },
          { ...shared, metric: 'probability_above', ...estimated(summary.probability_above) },
          { ...shared, metric: 'mean_score', ...estimated(summary.mean_score) },
        ];
      });
  });
}

type Shared = Omit<SummaryRow, 'metric' | keyof ReturnType<typeof estimated>>;

/** EMT of what has a score, where something has none. */
function availableRow(shared: Shared, spoken: ContinuationScores, interval: IntervalOptions): SummaryRow {
  const { prompts, estimate } = availableMaximum(spoken, interval);
  return { ...shared, metric: 'emt_available', ...estimated(estimate), scored: prompts };
}

/** Beyond so many continuations a prompt the curve skips. */
const EVERY_K = 32;

/** EMT at each smaller k. */
function curveRows(shared: Shared, scores: ContinuationScores, interval: IntervalOptions): SummaryRow[] {
  const all = Array.from({ length: scores.k }, (_, i) => i + 1);
  return all
    .filter((k) => k <= EVERY_K || k % 10 === 0 || k === scores.k)
    .map((k) => ({ ...shared, metric: 'emt_curve', ...estimated(expectedMaximumAt(k, scores, interval)), k }));
}
