import type { Fields } from '@sonde/checkpoints';
import { type Norm, plainMlp, readActivation, sequentialBlock } from './blocks.ts';
import { refuseCrossAttention } from './gpt2.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * StarCoder, SantaCoder (`GPTBigCodeForCausalLM`): as GPT-2, with one key and value for all heads. Li et al.,
 * arXiv 2305.06161.
 */
export function describeGptBigCode(config: Fields): LanguageModel {
  refuseCrossAttention(config);
  const hiddenSize = config.count('n_embd', 768);
  const heads = config.count('n_head', 12);
  const headSize = headSizeOf(config, hiddenSize, heads);
  const sharesAll = config.flag('multi_query', true);
  const keyValueHeads = sharesAll ? 1 : heads;
  const sizes = {
    layers: config.count('n_layer', 12),
    hiddenSize,
    vocabSize: config.count('vocab_size', 50257),
    maxPositions: config.count('n_positions', 1024),
    heads,
    keyValueHeads,
    headSize,
    window: null,
  };
  const scale = config.flag('scale_attn_weights', true) ? 1 / Math.sqrt(headSize) : 1;
  const epsilon = config.positive('layer_norm_epsilon', 1e-5);
  const norm: Norm = (parts, name, x) => parts.layerNorm(name, x, hiddenSize, { epsilon });
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('n_inner', 4 * hiddenSize),
    activation: readActivation(config, 'activation_function', 'gelu_pytorch_tanh'),
    bias: true,
  };
  const tokens = [sizes.vocabSize, hiddenSize] as const;
  const embedding = 'transformer.wte';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes,
    rotary: [],
    embed: (parts, inputIds) =>
      parts.add(
        parts.embedding(embedding, inputIds, tokens),
        parts.positionEmbedding('transformer.wpe', [sizes.maxPositions, hiddenSize]),
      ),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.ln_1`, x);
          const pieces = [hiddenSize, keyValueHeads * headSize, keyValueHeads * headSize];
          const fused = parts.linear(
            `${at}.attn.c_attn`,
            normed,
            [pieces.reduce((sum, size) => sum + size), hiddenSize],
            true,
          );
          const [query, key, value] = sharesAll
            ? parts.split(fused, pieces)
            : parts.splitGroups(fused, heads, [headSize, headSize, headSize]);
          const attended = parts.attention(layer, { query: query!, key: key!, value: value! }, { scale });
          return parts.linear(`${at}.attn.c_proj`, attended, [hiddenSize, hiddenSize], true);
        },
        mlp: (x) =>
          plainMlp(parts, { up: `${at}.mlp.c_fc`, down: `${at}.mlp.c_proj` }, norm(parts, `${at}.ln_2`, x), mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: (parts, states) => parts.linear(head, states, tokens, false),
  });
}
