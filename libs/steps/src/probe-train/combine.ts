import type { CombineContext } from '@sonde/executor';
import {
  concatProbeWeights,
  type Pool,
  PREDICTIONS,
  PROBE_SCORES,
  readRowParts,
  readRows,
  writeRows,
} from '@sonde/formats';
import { concatTableFiles } from '@sonde/tables';
import type { Config } from './config.ts';
import { SPAN_OF } from './data.ts';
import type { ScoreRow } from './rows.ts';
import { warningsOf } from './warnings.ts';

/** Puts shards together as if they were one: the states of one span after those of the other, layer by layer. */
export async function combine({ config, parts, output, log }: CombineContext<Config>): Promise<void> {
  const scores: ScoreRow[][] = [];
  for (const part of parts) scores.push(await readRows(part.scores!, PROBE_SCORES));
  // Every layer has the spans in their order; a text baseline may be absent from one.
  const spans = [...new Set(scores.at(-1)!.map(({ scenario }) => SPAN_OF[scenario]))];
  const all = spans.flatMap((span) =>
    scores.flatMap((own) => own.filter(({ scenario }) => SPAN_OF[scenario] === span)),
  );
  for (const warning of warningsOf(all)) log('warning', warning);
  await writeRows(output('scores'), PROBE_SCORES, all);
  await concatProbeWeights(
    parts.map((part) => part.weights!),
    output('weights'),
  );
  if (!config.predictions) return;
  const predictions = parts.map((part) => part.predictions!);
  const starts = await Promise.all(predictions.map((path) => spanStarts(path, spans)));
  await concatTableFiles(
    spans.flatMap((_, s) =>
      predictions.map((path, p) => ({ path, rows: [starts[p]![s]!, starts[p]![s + 1] ?? Infinity] as const })),
    ),
    output('predictions'),
  );
}

/** Where the predictions of each span begin in a shard's table: it has them in the order of the spans. */
async function spanStarts(path: string, spans: readonly Pool[]): Promise<number[]> {
  const starts = [0];
  let row = 0;
  for await (const rows of readRowParts(path, PREDICTIONS, { columns: ['scenario'] })) {
    for (const { scenario } of rows) {
      while (SPAN_OF[scenario] !== spans[starts.length - 1]) starts.push(row);
      // The last one goes on to the end.
      if (starts.length === spans.length) return starts;
      row++;
    }
  }
  return spans.map((_, s) => starts[s] ?? row);
}
