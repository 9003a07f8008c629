import type { Fields } from '@sonde/checkpoints';
import { rotaryOf, rotarySettings } from '../rotary.ts';
import { readActivation, readLayerNorm, sequentialBlock } from './blocks.ts';
import { neoxAttention, neoxMlp } from './gpt-neox.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * GPT-NeoX Japanese (`GPTNeoXJapaneseForCausalLM`): as GPT-NeoX, without biases but for one of the last block's attention,
 * attention and MLP one after the other. ABEJA, gpt-neox-japanese-2.7b, 2022.
 */
export function describeGptNeoxJapanese(config: Fields): LanguageModel {
  const sizes = readSizes(config, { equalHeads: true });
  const { hiddenSize, vocabSize, layers } = sizes;
  const mlp = {
    hiddenSize,
    intermediateSize: hiddenSize * config.count('intermediate_multiple_size', 4),
    activation: readActivation(config, 'hidden_act', 'gelu'),
    bias: false,
  };
  const norm = readLayerNorm(config, sizes);
  const embedding = 'gpt_neox_japanese.embed_in';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'embed_out';
  return languageModel({
    sizes,
    rotary: [
      rotaryOf(config, rotarySettings(config), sizes, {
        theta: config.positive('rotary_emb_base', 10000),
        partialFactor: config.positive('rotary_pct', 1),
      }),
    ],
    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, [vocabSize, hiddenSize]),
    block(parts, layer, hidden) {
      const at = `gpt_neox_japanese.layers.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.input_layernorm`, x);
          const attended = neoxAttention(parts, sizes, layer, `${at}.attention`, normed, { bias: false });
          if (layer < layers - 1) return attended;
          return parts.add(attended, parts.vector(`${at}.attention.dense_bias`, hiddenSize));
        },
        mlp: (x) => neoxMlp(parts, `${at}.mlp`, norm(parts, `${at}.post_attention_layernorm`, x), mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'gpt_neox_japanese.final_layer_norm', hidden),
    logits: (parts, states) => parts.linear(head, states, [vocabSize, hiddenSize], false),
  });
}
