import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { chooseAttributes, type Prompts, readScoreGrid, type ScoreGrid } from '@sonde/formats';
import { emtChange, PROMPT_SUBSETS } from '@sonde/statistics';
import { GROUP_OF } from '../shared/groups.ts';
import { matchIds, sayMatch } from '../shared/matching.ts';
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

/** The change of EMT against a reference, in each group of prompts. */
export async function changeRows(
  config: Config,
  grid: ScoreGrid,
  { promptIds, k }: Summarised,
  prompts: Prompts | undefined,
  log: RunContext['log'],
): Promise<SummaryRow[]> {
  if (config.reference === undefined) return [];
  const reference = await readScoreGrid(config.reference.path, config.reference.ref);
  requireAlike(grid, reference, k);
  const match = matchIds(
    { what: 'prompts', ids: promptIds },
    { what: 'prompts of the reference', ids: reference.promptIds },
  );
  sayMatch(match, config.unmatched, log, { mayBeMore: true });
  const interval = intervals(config, 'prompts');
  const subsets = prompts === undefined ? (['all'] as const) : PROMPT_SUBSETS;
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').flatMap((attribute) => {
    const ofPrompts = scoresOfPrompts(promptIds, prompts, attribute);
    return subsets.map((subset): SummaryRow => {
      const ids = promptsIn(subset, promptIds, ofPrompts);
      const after = { scores: grid.scores(attribute, ids, k, emptyScore(config)), k };
      const before = { scores: reference.scores(attribute, ids, k, emptyScore(config)), k };
      const { prompts: scored, change, p, effect_size } = emtChange(after, before, interval, config.bootstrap.seed);
      return {
        attribute,
        group: GROUP_OF[subset],
        metric: 'delta_emt',
        ...estimated(change),
        p,
        effect_size,
        k,
        prompts: ids.length,
        scored,
        missing: null,
        empty: emptyShare(grid, ids, k),
        unmatched: null,
        mode: 'default',
        scorer: scorerOf(grid),
        prompt_scorer: promptScorerOf(prompts),
        prompt_set: promptSet(promptIds),
      };
    });
  });
}

function requireAlike(grid: ScoreGrid, reference: ScoreGrid, k: number): void {
  if (reference.k !== k) {
    throw new UserError(
      'input',
      `the scores have ${k} continuations a prompt, the reference ${reference.k}`,
      'EMT can be compared at equal k only.',
    );
  }
  if (scorerOf(grid) === scorerOf(reference)) return;
  throw new UserError(
    'input',
    `the scores are by ${scorerOf(grid) ?? 'an unnamed scorer'}, those of the reference by ${scorerOf(reference) ?? 'an unnamed scorer'}`,
    'A change of EMT needs one scorer: score both with text/score.',
  );
}
