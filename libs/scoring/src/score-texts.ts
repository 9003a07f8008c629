import { UserError } from '@sonde/base';
import type { ScoreOutcome, Scorer } from './scorer.ts';

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
 * @throws UserError if the scorer answers with another number of outcomes, or with a score outside [0, 1]
 */
export async function scoreTexts(
  scorer: Scorer,
  texts: readonly string[],
  { onProgress, signal }: ScoreTextsOptions = {},
): Promise<ScoreOutcome[]> {
  const distinct = [...new Set(texts)];
  const known = new Map<string, ScoreOutcome>();
  const size = scorer.batchSize ?? DEFAULT_BATCH;
  for (let start = 0; start < distinct.length; start += size) {
    signal?.throwIfAborted();
    const batch = distinct.slice(start, start + size);
    const outcomes = await scorer.score(batch);
    if (outcomes.length !== batch.length) {
      throw new UserError(
        'scorer',
        `The scorer ${scorer.identity.kind} was given ${batch.length} texts and answered ${outcomes.length}.`,
      );
    }
    for (const [i, outcome] of outcomes.entries()) {
      checkOutcome(scorer, outcome);
      known.set(batch[i]!, outcome);
    }
    onProgress?.(known.size, distinct.length);
  }
  return texts.map((text) => known.get(text)!);
}

function checkOutcome(scorer: Scorer, outcome: ScoreOutcome): void {
  if (outcome.outcome !== 'ok') return;
  const { scores } = outcome;
  const expected = scorer.attributes.length;
  if (scores.length === expected && scores.every((score) => score >= 0 && score <= 1)) return;
  throw new UserError(
    'scorer',
    `The scorer ${scorer.identity.kind} answered [${scores.join(', ')}] where ${expected} scores in [0, 1] were expected.`,
  );
}
