import type { Attribute } from './attributes.ts';

/**
 * Why a text has no scores. A text that cannot be scored is missing, never a number.
 * - `empty`: nothing but white space and characters that are not seen
 * - `too_long`: longer than the scorer reads
 * - `unsupported_language`: the scorer says that it does not score this language
 * - `refused`: the scorer gave no scores for another reason
 */
export const MISSING_OUTCOMES = ['empty', 'too_long', 'unsupported_language', 'refused'] as const;
export type MissingOutcome = (typeof MISSING_OUTCOMES)[number];

export type ScoreOutcome =
  /** Scores in [0, 1] in the order of the scorer's `attributes`. */
  | { readonly outcome: 'ok'; readonly scores: readonly number[] }
  /** `detail` is the scorer's own word on it, where it has one. */
  | { readonly outcome: MissingOutcome; readonly detail?: string };

/**
 * What makes two scorers the same: equal identities give equal scores for equal texts. It is JSON, goes into
 * fingerprints, and so holds nothing of where a scorer lies or when it ran.
 */
export interface ScorerIdentity {
  /** The kind of scorer, e.g. `sonde-hashed-scorer`. */
  readonly kind: string;
  /** What names this one among its kind: a content digest, a model and its revision, a service and its version. */
  readonly [field: string]: string | number | boolean | readonly string[];
}

export interface Scorer {
  readonly identity: ScorerIdentity;
  readonly attributes: readonly Attribute[];
  /** The most texts that one call of `score` should have; absent where it does not matter. */
  readonly batchSize?: number;
  /**
   * An outcome for each text, in their order. A text's outcome depends on nothing but the text. A scorer that cannot
   * do its work (a service that is down) throws.
   */
  score(texts: readonly string[]): Promise<readonly ScoreOutcome[]> | readonly ScoreOutcome[];
}

/** A scorer's identity as tables name it: its kind and the first twelve digits of its digest. */
export const scorerLabel = ({ kind, digest }: ScorerIdentity): string =>
  typeof digest === 'string' ? `${kind}:${digest.replace(/^sha256:/, '').slice(0, 12)}` : kind;
