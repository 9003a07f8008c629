import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import type { RotarySpec } from '../rotary.ts';

/** The sizes that the engine needs to know of a decoder. */
export interface DecoderSizes {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** How many tokens, its own included, a token sees in layers with a sliding window; null where no layer has one. */
  readonly window: number | null;
}

/** A decoder-only transformer: its sizes and how each part is built. Hidden values have shape [tokens, hiddenSize]. */
export interface Decoder {
  readonly sizes: DecoderSizes;
  /** The rotary embeddings that `parts.rotate` may use; none where positions are learned. */
  readonly rotary: readonly RotarySpec[];
  /** Hidden states of layer 0 from token ids [tokens]. */
  embed(parts: Parts, inputIds: Value): Value;
  /** The residual stream after block `layer` (from 0). */
  block(parts: Parts, layer: number, hidden: Value): Value;
  finalNorm(parts: Parts, hidden: Value): Value;
  /** Logits [rows, vocabSize] of normed hidden states [rows, hiddenSize]. */
  head(parts: Parts, normed: Value): Value;
}

/** Reads a config.json of one architecture. */
export type DescribeDecoder = (config: Fields) => Decoder;
