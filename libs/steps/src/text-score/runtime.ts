import { createRequire } from 'node:module';
import type { JsonObject } from '@sonde/base';
import { isInputArtifact } from '@sonde/executor';
import { nameOfScorer, type ScorerKind } from '@sonde/scoring/kinds';
import type { Config } from './config.ts';
import { kindOf } from './kind-of.ts';

let version: string | undefined;

function runtimeVersion(): string {
  version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  return version;
}

function isEmbedded({ scorer }: Config): boolean {
  return isInputArtifact(scorer) && (scorer.ref ?? '').startsWith('embedded:');
}

/** What decides scores beside what the scorer says of itself: who runs its model, the revision of a module's kind. */
export function scoresRuntime(config: Config, kinds: readonly ScorerKind[]): JsonObject {
  const { scorer } = config;
  const known = kindOf(config, kinds);
  const runsModel = (isInputArtifact(scorer) && !isEmbedded(config)) || known?.runsModel === true;
  return {
    ...(known?.revision !== undefined && { revision: known.revision }),
    ...(runsModel && { onnxruntime: runtimeVersion() }),
  };
}

/** The name that rows bear and, where a model is run, who runs it. Of what is embedded, the digest says all. */
export function runtimeOf(config: Config, kinds: readonly ScorerKind[]): JsonObject | undefined {
  if (isEmbedded(config)) return undefined;
  return { scorer: nameOfScorer(config.scorer, kinds), ...scoresRuntime(config, kinds) };
}
