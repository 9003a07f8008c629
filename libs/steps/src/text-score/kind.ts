import { createRequire } from 'node:module';
import type { JsonObject } from '@sonde/base';
import { defineStep, isInputArtifact } from '@sonde/executor';
import { SCORES, tableProse } from '@sonde/formats/columns';
import type { Consent, Planned } from '@sonde/pipeline';
import { nameOfScorer, SCORER_KINDS, type ScorerKind } from '@sonde/scoring/kinds';
import { type Config, configOf } from './config.ts';

let version: string | undefined;

/** The name that rows bear and, where a model is run, who runs it. Of what is embedded, the digest says all. */
function runtimeOf({ scorer }: Config, kinds: readonly ScorerKind[]): JsonObject | undefined {
  const known = isInputArtifact(scorer) ? undefined : kinds.find(({ kind }) => kind === scorer.kind);
  if (isInputArtifact(scorer) && (scorer.ref ?? '').startsWith('embedded:')) return undefined;
  const runsModel = isInputArtifact(scorer) || known?.runsModel === true;
  if (runsModel) {
    version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  }
  return {
    scorer: nameOfScorer(scorer, kinds),
    ...(known?.revision !== undefined && { revision: known.revision }),
    ...(runsModel && version && { onnxruntime: version }),
  };
}

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
