import type { RunContext } from '@sonde/executor';
import type { Prompts, ScoreGrid } from '@sonde/formats';
import { matchIds, pairId, sayMatch } from '../shared/matching.ts';
import type { Config } from './config.ts';
import type { Summarised } from './rows.ts';
import type { Continuation } from './text.ts';

/** Holds the scores against what was scored: the continuations where these are given, else the prompts. */
export function matched(
  config: Config,
  grid: ScoreGrid,
  prompts: Prompts | undefined,
  continuations: readonly Continuation[] | undefined,
  log: RunContext['log'],
): Summarised {
  if (continuations !== undefined) {
    const match = matchIds(
      { what: 'continuations', ids: continuations.map(({ prompt_id, sample }) => pairId(prompt_id, sample)) },
      { what: 'rows of the scores', ids: idsOf(grid) },
    );
    sayMatch(match, config.unmatched, log);
    const promptIds = [...new Set(continuations.map(({ prompt_id }) => prompt_id))];
    const k = continuations.reduce((most, { sample }) => Math.max(most, sample + 1), 0);
    if (prompts !== undefined) {
      const ofPrompts = { what: 'prompts of the continuations', ids: promptIds };
      sayMatch(matchIds(ofPrompts, { what: 'prompts', ids: prompts.byId.keys() }), config.unmatched, log, {
        mayBeMore: true,
      });
    }
    return { promptIds, k, unmatched: match.partners.alone };
  }
  if (prompts === undefined) return { promptIds: grid.promptIds, k: grid.k, unmatched: null };
  const promptIds = [...prompts.byId.keys()];
  sayMatch(
    matchIds({ what: 'prompts', ids: promptIds }, { what: 'prompts of the scores', ids: grid.promptIds }),
    config.unmatched,
    log,
  );
  const known = new Set(grid.promptIds.filter((id) => prompts.byId.has(id)));
  let unmatched = 0;
  for (const { promptId } of grid.pairs()) if (!known.has(promptId)) unmatched++;
  return { promptIds, k: grid.k, unmatched };
}

function* idsOf(grid: ScoreGrid): IterableIterator<string> {
  for (const { promptId, sample } of grid.pairs()) yield pairId(promptId, sample);
}
