import type { Fields } from '@sonde/checkpoints';
import { readActivation } from './blocks.ts';
import { FIRST_POSITION, fairseqBlock, fairseqNorm, readEmbeddingScale, readFairseqSizes } from './fairseq.ts';
import { type LanguageModel, languageModel } from './network.ts';

/**
 * BioGPT (`BioGptForCausalLM`): learned positions, scaled embeddings, LayerNorm before attention and MLP.
 * Luo et al., arXiv 2210.10341.
 */
export function describeBioGpt(config: Fields): LanguageModel {
  const sizes = readFairseqSizes(config, {
    layers: ['num_hidden_layers', 24],
    hiddenSize: ['hidden_size', 1024],
    vocabSize: ['vocab_size', 42384],
    maxPositions: ['max_position_embeddings', 1024],
    heads: ['num_attention_heads', 16],
  });
  const { hiddenSize, vocabSize, maxPositions } = sizes;
  const form = {
    sizes,
    mlp: {
      hiddenSize,
      intermediateSize: config.count('intermediate_size', 4096),
      activation: readActivation(config, 'hidden_act', 'gelu'),
      bias: true,
    },
  };
  const scale = readEmbeddingScale(config, sizes);
  const tokens = [vocabSize, hiddenSize] as const;
  const positions = [maxPositions + FIRST_POSITION, hiddenSize] as const;
  const embedding = 'biogpt.embed_tokens';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'output_projection';
  return languageModel({
    sizes,
    rotary: [],
    embed: (parts, inputIds) =>
      parts.add(
        parts.scale(parts.embedding(embedding, inputIds, tokens), scale),
        parts.positionEmbedding('biogpt.embed_positions', positions, undefined, FIRST_POSITION),
      ),
    block: (parts, layer, hidden) => fairseqBlock(parts, layer, hidden, `biogpt.layers.${layer}`, form),
    finalNorm: (parts, hidden) => fairseqNorm(parts, 'biogpt.layer_norm', hidden, form),
    logits: (parts, states) => parts.linear(head, states, tokens, false),
  });
}
