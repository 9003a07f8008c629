import { UserError } from '@sonde/base';
import type { ScoreOutcome, Scorer, TextRow } from './scorer.ts';

export interface ScoreTextsOptions {
  /** Called after each batch with the number of distinct texts done and their total. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between batches; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const DEFAULT_BATCH = 4096;

/**
 * Scores texts, each distinct text once; those of a scorer with `columns` have `rows`, and each is scored.
 * @returns an outcome for each text, in the texts' order; equal texts share one object
 * @throws UserError if the scorer answers with another number of outcomes, or with a score that is none
 */
export async function scoreTexts(
  scorer: Scorer,
  texts: readonly string[],
  { onProgress, signal }: ScoreTextsOptions = {},
  rows?: readonly TextRow[],
): Promise<ScoreOutcome[]> {
  const order = scorer.columns ? texts : inScoringOrder(scorer, new Set(texts));
  const all: ScoreOutcome[] = [];
  for await (const outcomes of scoreBatches(scorer, order, { ...(rows && { rows }), ...(signal && { signal }) })) {
    for (const outcome of outcomes) all.push(outcome);
    onProgress?.(all.length, order.length);
  }
  if (scorer.columns) return all;
  const known = new Map(order.map((text, i) => [text, all[i]!]));
  return texts.map((text) => known.get(text)!);
}

/** Texts in the order in which a scorer is quickest with them. */
export function inScoringOrder(scorer: Scorer, texts: Iterable<string>): string[] {
  const order = [...texts];
  return scorer.byLength ? order.sort((a, b) => a.length - b.length) : order;
}

/** Scores texts in their order, batch by batch: the outcomes of each batch as soon as they are there. */
export async function* scoreBatches(
  scorer: Scorer,
  texts: readonly string[],
  { rows, signal }: { readonly rows?: readonly TextRow[]; readonly signal?: AbortSignal } = {},
): AsyncGenerator<readonly ScoreOutcome[]> {
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
    for (const outcome of outcomes) checkOutcome(scorer, outcome);
    yield outcomes;
  }
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
