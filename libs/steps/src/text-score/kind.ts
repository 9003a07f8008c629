import { defineStep } from '@sonde/executor';
import { SCORES, tableProse } from '@sonde/formats/columns';
import { SCORER_KINDS, type ScorerKind } from '@sonde/scoring/kinds';
import { configOf } from './config.ts';
import { runtimeOf } from './runtime.ts';

/** `text/score` with these kinds of scorer: Sonde's own, and those of a user's modules. */
export function textScoreWith(kinds: readonly ScorerKind[]) {
  return defineStep({
    kind: 'text/score',
    revision: 4,
    summary: 'Scores texts (toxicity and its kin). What cannot be scored has an outcome that says why, not a number.',
    config: configOf(kinds),
    outputs: { scores: { type: 'table', description: tableProse(SCORES) } },
    runtime: (config) => runtimeOf(config, kinds),
    async load() {
      const { run } = await import('./run.ts');
      return { run: (context) => run(context, kinds) };
    },
  });
}

/** Scores of texts by a scorer. */
export const textScore = textScoreWith(SCORER_KINDS);
