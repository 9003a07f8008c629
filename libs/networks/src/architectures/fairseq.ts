import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type MlpForm, normedSumBlock, plainMlp, selfAttention, sequentialBlock } from './blocks.ts';
import { headSizeOf } from './read-sizes.ts';

/** Rows of the table of positions before that of position 0. */
export const FIRST_POSITION = 2;
/** Of every norm, whatever config.json says. */
const EPSILON = 1e-5;

/** The names and usual numbers of a class's sizes. */
type Sizes = Readonly<Record<'layers' | 'hiddenSize' | 'vocabSize' | 'maxPositions' | 'heads', [string, number]>>;

/** The sizes of a decoder all of whose heads share the hidden size, each with its field and what the class has usually. */
export function readFairseqSizes(config: Fields, fields: Sizes): TrunkSizes {
  const count = (of: keyof Sizes): number => config.count(...fields[of]);
  const [hiddenSize, heads] = [count('hiddenSize'), count('heads')];
  return {
    layers: count('layers'),
    hiddenSize,
    vocabSize: count('vocabSize'),
    maxPositions: count('maxPositions'),
    heads,
    keyValueHeads: heads,
    headSize: headSizeOf(config, hiddenSize, heads),
    window: null,
  };
}

/** What embeddings of tokens are multiplied by. */
export function readEmbeddingScale(config: Fields, { hiddenSize }: TrunkSizes): number {
  return config.flag('scale_embedding', true) ? Math.sqrt(hiddenSize) : 1;
}

/** In what decoders made with fairseq differ. */
export interface FairseqForm {
  readonly sizes: TrunkSizes;
  readonly mlp: MlpForm;
  /** Whether the norms have weights and biases; true if not given. */
  readonly affine?: boolean;
  /** Whether the sums are normed, and not what attention and MLP read; false if not given. */
  readonly normedSums?: boolean;
}

/** LayerNorm of hidden states, with a weight and a bias or without. */
export function fairseqNorm(parts: Parts, name: string, x: Value, { sizes, affine = true }: FairseqForm): Value {
  return parts.layerNorm(affine ? name : null, x, sizes.hiddenSize, { epsilon: EPSILON });
}

/** A block under fairseq's names (Ott et al., arXiv 1904.01038), which lie behind `at`. */
export function fairseqBlock(parts: Parts, layer: number, hidden: Value, at: string, form: FairseqForm): Value {
  const { sizes, mlp, normedSums = false } = form;
  const { bias } = mlp;
  const norms = {
    attention: (x: Value) => fairseqNorm(parts, `${at}.self_attn_layer_norm`, x, form),
    mlp: (x: Value) => fairseqNorm(parts, `${at}.final_layer_norm`, x, form),
  };
  const options = { bias, outputBias: bias, rotary: null, output: 'out_proj' };
  const attention = (x: Value) => selfAttention(parts, sizes, layer, `${at}.self_attn`, x, options);
  const feed = (x: Value) => plainMlp(parts, { up: `${at}.fc1`, down: `${at}.fc2` }, x, mlp);
  return normedSums
    ? parts.gateBlock(layer, hidden, normedSumBlock(parts, layer, hidden, norms, { attention, mlp: feed }))
    : sequentialBlock(parts, layer, hidden, {
        attention: (x) => attention(norms.attention(x)),
        mlp: (x) => feed(norms.mlp(x)),
      });
}
