import { isRecord } from '@sonde/base';
import { defineStep } from '@sonde/executor';
import { ANSWERS, SCORES, tableProse } from '@sonde/formats/columns';
import type { Consent, Planned } from '@sonde/pipeline';
import { SCORER_KINDS, type ScorerKind } from '@sonde/scoring/kinds';
import { type Config, configOf } from './config.ts';
import { kindOf } from './kind-of.ts';
import { runsModel, runtimeOf } from './runtime.ts';

const scores = { type: 'table', description: tableProse(SCORES) } as const;

const answers = {
  type: 'table',
  description: tableProse(ANSWERS, 'Only of the kinds `lm`, `perspective` and `http`.'),
} as const;

/** Programs and services that the pipeline file names need its reader's consent. */
function consentTo({ scorer }: Planned<Config>, kinds: readonly ScorerKind[]): Consent | undefined {
  const kind = kindOf({ scorer }, kinds);
  if (kind?.runsCode === true) return { program: true };
  const address = kind?.reaches?.(scorer);
  return address === undefined ? undefined : { address };
}

/** `text/score` with these kinds of scorer: Sonde's own, and those of a user's modules. */
export function textScoreWith(kinds: readonly ScorerKind[]) {
  return defineStep({
    kind: 'text/score',
    revision: 15,
    summary: 'Scores texts (toxicity and its kin). What cannot be scored has an outcome that says why, not a number.',
    config: configOf(kinds),
    outputs: { scores, answers },
    outputsOf: (config) => (kindOf(config, kinds)?.keepsAnswers ? { scores, answers } : { scores }),
    runtime: (config, provider) => runtimeOf(config, kinds, provider),
    usesDevice: (config) => runsModel(config, kinds),
    consentTo: (config) => consentTo(config, kinds),
    outdated: async ({ scorer }, { memos }, time) =>
      'record' in scorer &&
      scorer.record === 'only' &&
      memos.writtenSince(time, ({ scorer: maker }) => isRecord(maker) && maker.kind === scorer.kind),
    async load() {
      const { run } = await import('./run.ts');
      return { run: (context) => run(context, kinds) };
    },
    cost: () => import('./cost.ts'),
  });
}

/** Scores of texts by a scorer. */
export const textScore = textScoreWith(SCORER_KINDS);
