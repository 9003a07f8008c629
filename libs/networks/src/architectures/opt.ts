import type { Fields } from '@sonde/checkpoints';
import { readActivation } from './blocks.ts';
import { FIRST_POSITION, fairseqBlock, fairseqNorm, readFairseqSizes } from './fairseq.ts';
import { type LanguageModel, languageModel } from './network.ts';

/**
 * OPT (`OPTForCausalLM`): learned positions, LayerNorm before attention and MLP, or after the sums (350m, whose
 * embeddings are narrower than its states). Zhang et al., arXiv 2205.01068.
 */
export function describeOpt(config: Fields): LanguageModel {
  const sizes = readFairseqSizes(config, {
    layers: ['num_hidden_layers', 12],
    hiddenSize: ['hidden_size', 768],
    vocabSize: ['vocab_size', 50272],
    maxPositions: ['max_position_embeddings', 2048],
    heads: ['num_attention_heads', 12],
  });
  const { hiddenSize } = sizes;
  const embeddingSize = config.count('word_embed_proj_dim', hiddenSize);
  const isBefore = config.flag('do_layer_norm_before', true);
  const hasFinalNorm = isBefore && !config.flag('_remove_final_layer_norm', false);
  const form = {
    sizes,
    mlp: {
      hiddenSize,
      intermediateSize: config.count('ffn_dim', 3072),
      activation: readActivation(config, 'activation_function', 'relu'),
      bias: config.flag('enable_bias', true),
    },
    affine: config.flag('layer_norm_elementwise_affine', true),
    normedSums: !isBefore,
  };
  const tokens = [sizes.vocabSize, embeddingSize] as const;
  const embedding = 'model.decoder.embed_tokens';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes,
    rotary: [],
    embed(parts, inputIds) {
      const words = parts.embedding(embedding, inputIds, tokens);
      const wide =
        embeddingSize === hiddenSize
          ? words
          : parts.linear('model.decoder.project_in', words, [hiddenSize, embeddingSize], false);
      const rows = [sizes.maxPositions + FIRST_POSITION, hiddenSize] as const;
      const positions = parts.positionEmbedding('model.decoder.embed_positions', rows, undefined, FIRST_POSITION);
      return parts.add(wide, positions);
    },
    block: (parts, layer, hidden) => fairseqBlock(parts, layer, hidden, `model.decoder.layers.${layer}`, form),
    finalNorm: (parts, hidden) =>
      hasFinalNorm ? fairseqNorm(parts, 'model.decoder.final_layer_norm', hidden, form) : hidden,
    logits(parts, states) {
      const narrow =
        embeddingSize === hiddenSize
          ? states
          : parts.linear('model.decoder.project_out', states, [embeddingSize, hiddenSize], false);
      return parts.linear(head, narrow, tokens, false);
    },
  });
}
