import type { CombineContext } from '@sonde/executor';
import {
  concatProbeWeights,
  PREDICTIONS,
  PROBE_SCORES,
  readRowParts,
  readRows,
  writeRowParts,
  writeRows,
} from '@sonde/formats';
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
  await writeRowParts(output('predictions'), PREDICTIONS, async (append) => {
    for (const span of spans) {
      for (const part of parts) {
        for await (const rows of readRowParts(part.predictions!, PREDICTIONS)) {
          await append(rows.filter(({ scenario }) => SPAN_OF[scenario] === span));
        }
      }
    }
  });
}
