import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { AttentionOptions } from '../graph/attention.ts';
import type { Parts } from '../graph/parts.ts';
import { type MlpForm, type Norm, readActivation, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * GPT-2 (`GPT2LMHeadModel`): learned positions, LayerNorm before attention and MLP, weights stored transposed.
 * Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
 */
export function describeGpt2(config: Fields): LanguageModel {
  refuseCrossAttention(config);
  const hiddenSize = config.count('n_embd', 768);
  const heads = config.count('n_head', 12);
  const headSize = headSizeOf(config, hiddenSize, heads);
  const intermediateSize = config.count('n_inner', 4 * hiddenSize);
  const vocabSize = config.count('vocab_size', 50257);
  const maxPositions = config.count('n_positions', 1024);
  const activation = readActivation(config, 'activation_function', 'gelu_new');
  const scale = config.flag('scale_attn_weights', true) ? 1 / Math.sqrt(headSize) : 1;
  const scaleByLayer = config.flag('scale_attn_by_inverse_layer_idx', false);
  const epsilon = config.positive('layer_norm_epsilon', 1e-5);
  const norm: Norm = (parts, name, x) => parts.layerNorm(name, x, hiddenSize, { epsilon });
  const embedding = 'transformer.wte';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes: {
      layers: config.count('n_layer', 12),
      hiddenSize,
      vocabSize,
      maxPositions,
      heads,
      keyValueHeads: heads,
      headSize,
      window: null,
    },
    rotary: [],
    embed: (parts, inputIds) =>
      parts.add(
        parts.embedding(embedding, inputIds, [vocabSize, hiddenSize]),
        parts.positionEmbedding('transformer.wpe', [maxPositions, hiddenSize]),
      ),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.ln_1`, x);
          const options = { scale: scaleByLayer ? scale / (layer + 1) : scale };
          return conv1dAttention(parts, layer, `${at}.attn`, normed, hiddenSize, options);
        },
        mlp(x) {
          const normed = norm(parts, `${at}.ln_2`, x);
          return conv1dMlp(parts, `${at}.mlp`, normed, { hiddenSize, intermediateSize, activation });
        },
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: (parts, states) => parts.linear(head, states, [vocabSize, hiddenSize], false),
  });
}

/** Attention with one projection for queries, keys and values, weights stored transposed. */
export function conv1dAttention(
  parts: Parts,
  layer: number,
  name: string,
  x: Value,
  hiddenSize: number,
  options: AttentionOptions = {},
): Value {
  const fused = parts.conv1d(`${name}.c_attn`, x, [3 * hiddenSize, hiddenSize]);
  const [query, key, value] = parts.split(fused, [hiddenSize, hiddenSize, hiddenSize]);
  const attended = parts.attention(layer, { query: query!, key: key!, value: value! }, options);
  return parts.conv1d(`${name}.c_proj`, attended, [hiddenSize, hiddenSize]);
}

/** An MLP without a gate, weights stored transposed. */
export function conv1dMlp(
  parts: Parts,
  name: string,
  x: Value,
  { hiddenSize, intermediateSize, activation }: Omit<MlpForm, 'bias' | 'names'>,
): Value {
  const wide = parts.conv1d(`${name}.c_fc`, x, [intermediateSize, hiddenSize]);
  return parts.conv1d(`${name}.c_proj`, parts.activation(activation, wide), [hiddenSize, intermediateSize]);
}

/** @throws UserError where blocks also look at an encoder's states */
export function refuseCrossAttention(config: Fields): void {
  if (!config.flag('add_cross_attention', false)) return;
  throw new UserError('model', `${config.where}: add_cross_attention is not supported; a decoder alone has none.`);
}
