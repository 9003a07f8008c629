import type { GraphBuilder, Value } from '@sonde/onnx';
import { type Feeds, floats } from './feeds.ts';

/** Which of a sequence's last states a classifier reads; `last`: of the last token that does not pad. */
export type Summary = 'first' | 'last' | 'mean';

/** The output: [sequences, labels]. */
export const LABEL_LOGITS = 'logits';

/** Weights [sequences, 1, T] of the sum over a sequence's last states that a classifier reads. */
export function summaryInputs(graph: GraphBuilder): Value {
  return graph.input('summary_weights', 'float32', ['rows', 1, 'T']);
}

/** A token's number in its sequence that stands for it, or all tokens' mean. */
function weigh(summary: Summary, ids: readonly number[], padding: number | null, into: Float32Array): void {
  switch (summary) {
    case 'first':
      into[0] = 1;
      break;
    case 'last':
      into[lastBut(ids, padding)] = 1;
      break;
    case 'mean':
      into.fill(1 / ids.length, 0, ids.length);
  }
}

/** The last token that is not the padding's; the first where all are. */
function lastBut(ids: readonly number[], padding: number | null): number {
  return Math.max(
    0,
    ids.findLastIndex((id) => id !== padding),
  );
}

/** @param padding the token that pads, which a text may hold as well; null: there is none */
export function summaryFeeds(
  summary: Summary,
  sequences: readonly (readonly number[])[],
  tokens: number,
  padding: number | null,
): Feeds {
  const weights = new Float32Array(sequences.length * tokens);
  sequences.forEach((ids, row) => {
    weigh(summary, ids, padding, weights.subarray(row * tokens, (row + 1) * tokens));
  });
  return { summary_weights: floats(weights, [sequences.length, 1, tokens]) };
}
