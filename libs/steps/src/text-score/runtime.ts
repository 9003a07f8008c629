import { createRequire } from 'node:module';
import type { JsonObject } from '@sonde/base';
import type { Provider } from '@sonde/executor';
import type { Planned } from '@sonde/pipeline';
import { nameOfScorer, type ScorerKind } from '@sonde/scoring/kinds';
import type { Config } from './config.ts';
import { kindOf } from './kind-of.ts';

let version: string | undefined;

function runtimeVersion(): string {
  version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  return version;
}

function isEmbedded(scorer: { readonly ref?: string }): boolean {
  return (scorer.ref ?? '').startsWith('embedded:');
}

/** Whether a model is run: all that a reference names but for what is embedded, and some of the kinds. */
export function runsModel(config: Pick<Config, 'scorer'> | Planned<Config>, kinds: readonly ScorerKind[]): boolean {
  const { scorer } = config;
  return 'kind' in scorer ? kindOf(config, kinds)?.runsModel === true : !isEmbedded(scorer);
}

/** What decides scores beside what the scorer says of itself: who runs its model, the revision of a module's kind. */
export function scoresRuntime(config: Config, kinds: readonly ScorerKind[], provider: Provider): JsonObject {
  const known = kindOf(config, kinds);
  return {
    ...(known?.revision !== undefined && { revision: known.revision }),
    ...(runsModel(config, kinds) && { onnxruntime: runtimeVersion(), ...(provider !== 'cpu' && { provider }) }),
  };
}

/** The name that rows bear and, where a model is run, who runs it. */
export function runtimeOf(config: Config, kinds: readonly ScorerKind[], provider: Provider): JsonObject {
  return { scorer: nameOfScorer(config.scorer, kinds), ...scoresRuntime(config, kinds, provider) };
}
