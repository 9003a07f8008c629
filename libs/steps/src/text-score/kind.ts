import { defineStep } from '@sonde/executor';
import { SCORES, tableProse } from '@sonde/formats/columns';
import type { Consent, Planned } from '@sonde/pipeline';
import { SCORER_KINDS, type ScorerKind } from '@sonde/scoring/kinds';
import { type Config, configOf } from './config.ts';
import { runtimeOf } from './runtime.ts';

/** Programs and services that the pipeline file names need its reader's consent. */
function consentTo({ scorer }: Planned<Config>, kinds: readonly ScorerKind[]): Consent | undefined {
  if (!('kind' in scorer)) return undefined;
  const kind = kinds.find(({ kind }) => kind === scorer.kind);
  if (kind?.runsCode === true) return { program: true };
  const address = kind?.reaches?.(scorer);
  return address === undefined ? undefined : { address };
}

/** `text/score` with these kinds of scorer: Sonde's own, and those of a user's modules. */
export function textScoreWith(kinds: readonly ScorerKind[]) {
  return defineStep({
    kind: 'text/score',
    revision: 4,
    summary: 'Scores texts (toxicity and its kin). What cannot be scored has an outcome that says why, not a number.',
    config: configOf(kinds),
    outputs: { scores: { type: 'table', description: tableProse(SCORES) } },
    runtime: (config) => runtimeOf(config, kinds),
    consentTo: (config) => consentTo(config, kinds),
    async load() {
      const { run } = await import('./run.ts');
      return { run: (context) => run(context, kinds) };
    },
  });
}

/** Scores of texts by a scorer. */
export const textScore = textScoreWith(SCORER_KINDS);
