import type { Fields } from '@sonde/checkpoints';
import type { RotarySpec } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { readActivation, tokenTables } from './blocks.ts';
import { FIRST_POSITION, fairseqBlock, fairseqNorm, readEmbeddingScale, readFairseqSizes } from './fairseq.ts';
import { refuseCrossAttention } from './gpt2.ts';
import { type LanguageModel, languageModel } from './network.ts';

/**
 * XGLM (`XGLMForCausalLM`): sinusoidal positions, scaled embeddings, LayerNorm before attention and MLP.
 * Lin et al., arXiv 2112.10668.
 */
export function describeXglm(config: Fields): LanguageModel {
  refuseCrossAttention(config);
  const sizes = readFairseqSizes(config, {
    layers: ['num_layers', 24],
    hiddenSize: ['d_model', 1024],
    vocabSize: ['vocab_size', 256008],
    maxPositions: ['max_position_embeddings', 2048],
    heads: ['attention_heads', 16],
  });
  const { hiddenSize } = sizes;
  const form = {
    sizes,
    mlp: {
      hiddenSize,
      intermediateSize: config.count('ffn_dim', 4096),
      activation: readActivation(config, 'activation_function', 'gelu'),
      bias: true,
    },
  };
  const scale = readEmbeddingScale(config, sizes);
  const nothing = readNothing(config, sizes);
  const tables = tokenTables(config, sizes, { tied: true });
  return languageModel({
    sizes,
    rotary: [sinusoids(hiddenSize)],
    embed: (parts, inputIds) =>
      parts.add(parts.scale(tables.embed(parts, inputIds), scale), parts.sinusoids(hiddenSize, nothing)),
    block: (parts, layer, hidden) => fairseqBlock(parts, layer, hidden, `model.layers.${layer}`, form),
    finalNorm: (parts, hidden) => fairseqNorm(parts, 'model.layer_norm', hidden, form),
    logits: tables.logits,
  });
}

/** Angles from 1 to 1/10000 of a position, as tensor2tensor divides them. Vaswani et al., arXiv 1706.03762, section 3.5. */
function sinusoids(size: number): RotarySpec {
  const pairs = Math.floor(size / 2);
  const step = Math.fround(-Math.log(10_000) / (pairs - 1));
  return {
    inverseFrequencies: Float32Array.from({ length: pairs }, (_, i) => Math.exp(Math.fround(i * step))),
    attentionFactor: 1,
    maxPositions: null,
    first: FIRST_POSITION,
  };
}

/** The position whose row is that of the padding token, which is 0; null if there is none. */
function readNothing(config: Fields, { maxPositions }: TrunkSizes): number | null {
  if (config.value('pad_token_id') === null) return null;
  const row = config.integer('pad_token_id', 1);
  const position = row < 0 ? maxPositions + row : row - FIRST_POSITION;
  return position < 0 || position >= maxPositions ? null : position;
}
