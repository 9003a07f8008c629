import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { ScoreOutcome, Scorer, TextRow } from './scorer.ts';

export interface ScoreTextsOptions {
  /** Called after each batch with the number of distinct texts done and their total. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between batches; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const DEFAULT_BATCH = 1024;

/**
 * Scores texts, each distinct text once.
 * @returns an outcome for each text, in the texts' order; equal texts share one object
 * @throws UserError if the scorer answers with another number of outcomes, or with a score that is none
 */
export function scoreTexts(
  scorer: Scorer,
  texts: readonly string[],
  options: ScoreTextsOptions = {},
): Promise<ScoreOutcome[]> {
  return scoreInParts(scorer)(texts, undefined, options);
}

/** Scores one part of a long list of texts; `rows` are those of a scorer with `columns`. */
export type ScorePart = (
  texts: readonly string[],
  rows: readonly TextRow[] | undefined,
  options?: ScoreTextsOptions,
) => Promise<ScoreOutcome[]>;

/** Longer texts are known by their digest, so that what is kept does not grow with them. */
const LONGEST_KEY = 64;

function keyOf(text: string): string {
  return text.length <= LONGEST_KEY ? text : `#${createHash('sha256').update(text, 'utf16le').digest('hex')}`;
}

/** Scores a list of texts part by part, each distinct text of all parts once: outcomes are kept, texts are not. */
export function scoreInParts(scorer: Scorer): ScorePart {
  const known = new Map<string, ScoreOutcome>();
  return async (texts, rows, options = {}) => {
    if (scorer.columns) return scoreAll(scorer, texts, rows, options);
    const keys = texts.map(keyOf);
    const fresh = new Map<string, string>();
    for (const [i, key] of keys.entries()) if (!known.has(key)) fresh.set(key, texts[i]!);
    const order = [...fresh];
    if (scorer.byLength) order.sort(([, a], [, b]) => a.length - b.length);
    const outcomes = await scoreAll(
      scorer,
      order.map(([, text]) => text),
      undefined,
      options,
    );
    for (const [i, [key]] of order.entries()) known.set(key, outcomes[i]!);
    return keys.map((key) => known.get(key)!);
  };
}

async function scoreAll(
  scorer: Scorer,
  texts: readonly string[],
  rows: readonly TextRow[] | undefined,
  { onProgress, signal }: ScoreTextsOptions,
): Promise<ScoreOutcome[]> {
  const all: ScoreOutcome[] = [];
  const size = scorer.batchSize ?? DEFAULT_BATCH;
  for (let start = 0; start < texts.length; start += size) {
    signal?.throwIfAborted();
    const batch = texts.slice(start, start + size);
    const outcomes = await scorer.score(batch, rows?.slice(start, start + size));
    if (outcomes.length !== batch.length) {
      throw new UserError(
        'scorer',
        `The scorer ${scorer.identity.kind} was given ${batch.length} texts and answered ${outcomes.length}.`,
      );
    }
    for (const outcome of outcomes) {
      checkOutcome(scorer, outcome);
      all.push(outcome);
    }
    onProgress?.(all.length, texts.length);
  }
  return all;
}

function checkOutcome({ identity, attributes, unbounded }: Scorer, outcome: ScoreOutcome): void {
  if (!('scores' in outcome)) return;
  const { scores } = outcome;
  const fits = (score: number | null): boolean =>
    score === null || (unbounded ? Number.isFinite(score) : score >= 0 && score <= 1);
  if (scores.length === attributes.length && scores.every(fits)) return;
  const expected = unbounded ? 'finite numbers' : 'scores in [0, 1]';
  throw new UserError(
    'scorer',
    `The scorer ${identity.kind} answered [${scores.join(', ')}] where ${attributes.length} ${expected} were expected.`,
  );
}
