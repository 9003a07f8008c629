import type { JsonValue } from '@sonde/base';

/**
 * Why a text has no scores. A text that cannot be scored is missing, never a number.
 * - `empty`: nothing but white space and characters that are not seen
 * - `too_long`: longer than the scorer reads
 * - `unsupported_language`: the scorer says that it does not score this language
 * - `refused`: the scorer gave no scores for another reason
 * - `not_recorded`: recorded scores have none of this text
 */
export const MISSING_OUTCOMES = ['empty', 'too_long', 'unsupported_language', 'refused', 'not_recorded'] as const;
export type MissingOutcome = (typeof MISSING_OUTCOMES)[number];

/** What a service or a judge said, whole: what its scores were read from. */
export interface Answer {
  /** Null where it follows from the scorer and the text: kept with each text it would outweigh the answers. */
  readonly request: JsonValue;
  readonly response: JsonValue;
  /** When it was given, in ISO 8601; absent of what would be the same at any time. */
  readonly time?: string;
}

export type ScoreOutcome =
  /**
   * Scores in the order of the scorer's `attributes`; null where there is none of one of them. `truncated`: of the
   * beginning of a text that is longer than the scorer reads.
   */
  (
    | { readonly outcome: 'ok' | 'truncated'; readonly scores: readonly (number | null)[] }
    /** `detail` is the scorer's own word on it, where it has one. */
    | { readonly outcome: MissingOutcome; readonly detail?: string }
  ) & {
    /** Of a kind that `keepsAnswers`. */
    readonly answer?: Answer;
  };

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

/** One row of the table of texts: what stands in the columns that a scorer asked for. */
export type TextRow = Readonly<Record<string, unknown>>;

export interface Scorer {
  readonly identity: ScorerIdentity;
  readonly attributes: readonly string[];
  /** Scores are any numbers, not those from 0 to 1 alone. */
  readonly unbounded?: boolean;
  /** Columns beside the text that it reads: its outcomes are then of rows, and equal texts are not taken for one. */
  readonly columns?: readonly string[];
  /** It only looks its scores up, as quickly as a score that is kept is found: none are kept. */
  readonly lookup?: boolean;
  /** It asks nobody: what `score` says is of texts of which no answer of its identity is kept, and for this once. */
  readonly onlyKept?: boolean;
  /** Whether batches of texts of like lengths are faster. */
  readonly byLength?: boolean;
  /** The most texts that one call of `score` should have; absent where it does not matter. */
  readonly batchSize?: number;
  /**
   * An outcome for each text, in their order. A text's outcome depends on nothing but the text (and its row, of a scorer
   * with `columns`). A scorer that cannot do its work (a service that is down) throws.
   */
  score(
    texts: readonly string[],
    rows?: readonly TextRow[],
  ): Promise<readonly ScoreOutcome[]> | readonly ScoreOutcome[];
  /** Frees what it holds. */
  close?(): Promise<void>;
}

/** A scorer's identity as tables name it: its name, or kind, and the first twelve digits of its digest. */
export function scorerLabel({ kind, name, digest }: ScorerIdentity): string {
  const shown = typeof name === 'string' ? name : kind;
  return typeof digest === 'string' ? `${shown}:${digest.replace(/^sha256:/, '').slice(0, 12)}` : shown;
}
