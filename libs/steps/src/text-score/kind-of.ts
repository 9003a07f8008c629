import type { Planned } from '@sonde/pipeline';
import type { ScorerKind } from '@sonde/scoring/kinds';
import type { Config } from './config.ts';

/** The kind that a scorer is named by; undefined for a reference. */
export function kindOf(
  { scorer }: Pick<Config, 'scorer'> | Pick<Planned<Config>, 'scorer'>,
  kinds: readonly ScorerKind[],
): ScorerKind | undefined {
  return 'kind' in scorer ? kinds.find(({ kind }) => kind === scorer.kind) : undefined;
}
