import { type InputArtifact, isInputArtifact } from '@sonde/pipeline';
import type { ScorerKind } from './define-scorer.ts';

/** A reference as the user wrote it; of a path, the last part, so that moving files changes no name. */
function shownRef({ ref, digest }: InputArtifact, kind: string): string {
  if (ref === undefined) return `${kind}-${digest.replace(/^sha256:/, '').slice(0, 8)}`;
  if (/^[a-z]+:/.test(ref)) return ref.replace(/#.*$/, '');
  return ref.split(/[\\/]/).filter(Boolean).at(-1) ?? ref;
}

/** What tables and reports call a scorer: its `name`, or what it was made of, or its kind. */
export function nameOfScorer(
  config: InputArtifact | { readonly kind: string; readonly name?: string },
  kinds: readonly ScorerKind[],
): string {
  if (isInputArtifact(config)) return shownRef(config, 'scorer');
  const made = kinds.find(({ kind }) => kind === config.kind)?.ref?.(config);
  return config.name ?? (made ? shownRef(made, config.kind) : config.kind);
}
