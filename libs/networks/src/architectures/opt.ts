import type { Fields } from '@sonde/checkpoints';
import { normedSumBlock, plainMlp, readActivation, selfAttention, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/** Rows of the table of positions before that of position 0. */
const FIRST_POSITION = 2;
const EPSILON = 1e-5;

/**
 * OPT (`OPTForCausalLM`): learned positions, LayerNorm before attention and MLP, or after the sums (350m, whose
 * embeddings are narrower than its states). Zhang et al., arXiv 2205.01068.
 */
export function describeOpt(config: Fields): LanguageModel {
  const hiddenSize = config.count('hidden_size', 768);
  const heads = config.count('num_attention_heads', 12);
  const sizes = {
    layers: config.count('num_hidden_layers', 12),
    hiddenSize,
    vocabSize: config.count('vocab_size', 50272),
    maxPositions: config.count('max_position_embeddings', 2048),
    heads,
    keyValueHeads: heads,
    headSize: headSizeOf(config, hiddenSize, heads),
    window: null,
  };
  const bias = config.flag('enable_bias', true);
  const embeddingSize = config.count('word_embed_proj_dim', hiddenSize);
  const isBefore = config.flag('do_layer_norm_before', true);
  const hasFinalNorm = isBefore && !config.flag('_remove_final_layer_norm', false);
  const hasAffineNorms = config.flag('layer_norm_elementwise_affine', true);
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('ffn_dim', 3072),
    activation: readActivation(config, 'activation_function', 'relu'),
    bias,
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
    block(parts, layer, hidden) {
      const at = `model.decoder.layers.${layer}`;
      const norm = (name: string) => (x: typeof hidden) =>
        parts.layerNorm(hasAffineNorms ? `${at}.${name}` : null, x, hiddenSize, { epsilon: EPSILON });
      const norms = { attention: norm('self_attn_layer_norm'), mlp: norm('final_layer_norm') };
      const attention = (x: typeof hidden) =>
        selfAttention(parts, sizes, layer, `${at}.self_attn`, x, {
          bias,
          outputBias: bias,
          rotary: null,
          output: 'out_proj',
        });
      const feed = (x: typeof hidden) => plainMlp(parts, { up: `${at}.fc1`, down: `${at}.fc2` }, x, mlp);
      return isBefore
        ? sequentialBlock(parts, layer, hidden, {
            attention: (x) => attention(norms.attention(x)),
            mlp: (x) => feed(norms.mlp(x)),
          })
        : parts.gateBlock(layer, hidden, normedSumBlock(parts, layer, hidden, norms, { attention, mlp: feed }));
    },
    finalNorm: (parts, hidden) =>
      hasFinalNorm
        ? parts.layerNorm(hasAffineNorms ? 'model.decoder.final_layer_norm' : null, hidden, hiddenSize, {
            epsilon: EPSILON,
          })
        : hidden,
    logits(parts, states) {
      const narrow =
        embeddingSize === hiddenSize
          ? states
          : parts.linear('model.decoder.project_out', states, [embeddingSize, hiddenSize], false);
      return parts.linear(head, narrow, tokens, false);
    },
  });
}
