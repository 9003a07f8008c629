import { ANSWERS, type RowOf, tableOf } from '@sonde/formats';
import { type ScoreOutcome, type Scorer, scorerLabel } from '@sonde/scoring';
import type { Json } from '@sonde/tables';
import { writeParquetParts } from '@sonde/tables';

/** Takes the outcomes of a round's texts. */
export type KeepAnswers = (
  texts: ReadonlyMap<string, string>,
  outcomes: { get(digest: string): ScoreOutcome | undefined },
) => Promise<void>;

/** Writes the answers that outcomes were read from, while `use` brings them. */
export function writeAnswers(path: string, scorer: Scorer, use: (keep: KeepAnswers) => Promise<void>): Promise<void> {
  const families = { score: scorer.attributes };
  return writeParquetParts(path, async (append) => {
    await append(tableOf(ANSWERS, [], { families }));
    await use((texts, outcomes) => {
      const rows = [...texts].flatMap(([digest, text]) => rowsOf(scorer, text, outcomes.get(digest)!));
      return append(tableOf(ANSWERS, rows, { families }));
    });
  });
}

/** A row of a text that was answered; none of one of which no answer is kept. */
function rowsOf(scorer: Scorer, text: string, outcome: ScoreOutcome): RowOf<typeof ANSWERS>[] {
  if (outcome.outcome === 'not_recorded') return [];
  const { request = null, response = null, time = null } = outcome.answer ?? {};
  const scores = 'scores' in outcome ? outcome.scores : [];
  return [
    {
      text,
      request: request as Json,
      response: response as Json,
      time,
      score: Object.fromEntries(scorer.attributes.map((attribute, i) => [attribute, scores[i] ?? null])),
      outcome: outcome.outcome,
      detail: ('detail' in outcome && outcome.detail) || null,
      scorer: scorerLabel(scorer.identity),
    },
  ];
}
