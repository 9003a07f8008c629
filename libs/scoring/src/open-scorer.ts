import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { readJson } from '@sonde/checkpoints';
import { type InputArtifact, isInputArtifact } from '@sonde/pipeline';
import { classifier } from './classifier/kind.ts';
import type { ScorerContext, ScorerKind } from './define-scorer.ts';
import { SCORER_KINDS } from './kinds.ts';
import { openLocalScorer } from './local-scorer.ts';
import type { Scorer } from './scorer.ts';
import { nameOfScorer } from './scorer-name.ts';

/** A scorer's config: a reference, or an object of one of the kinds. */
export type ScorerConfig =
  | InputArtifact
  | { readonly kind: string; readonly name?: string; readonly [field: string]: unknown };

/** Whether a folder is a classifier of the hub: its config.json names an architecture. */
export async function isClassifierFolder(folder: string): Promise<boolean> {
  return Array.isArray((await readJson(join(folder, 'config.json'), 'The scorer')).architectures);
}

/** Opens any scorer. @throws UserError if it cannot be read or is not as its config says */
export async function openScorer(
  config: ScorerConfig,
  context: Omit<ScorerContext, 'name'>,
  kinds: readonly ScorerKind[] = SCORER_KINDS,
): Promise<Scorer> {
  const named = { ...context, name: nameOfScorer(config, kinds) };
  if (isInputArtifact(config)) {
    if (!(await isClassifierFolder(config.path))) return openLocalScorer(config.path, named.name);
    return (await classifier.load()).open({ kind: 'classifier', model: config }, named);
  }
  const kind = kinds.find(({ kind }) => kind === config.kind);
  if (!kind) {
    const there = kinds.map(({ kind }) => kind).join(', ');
    throw new UserError('scorer', `There is no kind of scorer "${config.kind}"; there are ${there}.`);
  }
  return (await kind.load()).open(config, named);
}
