import type { Fields } from '@sonde/checkpoints';
import { rotaryOf, rotarySettings } from '../rotary.ts';
import { type Norm, parallelBlock, readActivation, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * GPT-NeoX (`GPTNeoXForCausalLM`), the architecture of Pythia: LayerNorm, one projection for queries, keys and values,
 * rotary positions in a part of each head, attention and MLP side by side or one after the other.
 * Black et al., arXiv 2204.06745; Biderman et al., arXiv 2304.01373.
 */
export function describeGptNeox(config: Fields): LanguageModel {
  const sizes = readSizes(config, { equalHeads: true });
  const { hiddenSize, vocabSize, heads } = sizes;
  const intermediateSize = config.count('intermediate_size');
  const activation = readActivation(config, 'hidden_act', 'gelu');
  const bias = config.flag('attention_bias', true);
  const block = config.flag('use_parallel_residual', true) ? parallelBlock : sequentialBlock;
  const epsilon = config.positive('layer_norm_eps', 1e-5);
  const norm: Norm = (parts, name, x) => parts.layerNorm(name, x, hiddenSize, { epsilon });
  const embedding = 'gpt_neox.embed_in';
  const head = config.flag('tie_word_embeddings', false) ? embedding : 'embed_out';
  return languageModel({
    sizes,
    rotary: [
      // The class reads head_dim for the part of a head that is rotated, and nowhere else.
      rotaryOf(
        config,
        rotarySettings(config),
        { ...sizes, headSize: config.count('head_dim', sizes.headSize) },
        {
          theta: config.positive('rotary_emb_base', 10000),
          partialFactor: config.positive('rotary_pct', 0.25),
          ofTables: true,
        },
      ),
    ],
    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, [vocabSize, hiddenSize]),
    block(parts, layer, hidden) {
      const at = `gpt_neox.layers.${layer}`;
      return block(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.input_layernorm`, x);
          const fused = parts.linear(`${at}.attention.query_key_value`, normed, [3 * hiddenSize, hiddenSize], bias);
          const [query, key, value] = parts.splitEachHead(fused, heads, 3);
          const attended = parts.attention(layer, {
            query: parts.rotate(query!, heads),
            key: parts.rotate(key!, heads),
            value: value!,
          });
          return parts.linear(`${at}.attention.dense`, attended, [hiddenSize, hiddenSize], bias);
        },
        mlp(x) {
          const normed = norm(parts, `${at}.post_attention_layernorm`, x);
          const wide = parts.linear(`${at}.mlp.dense_h_to_4h`, normed, [intermediateSize, hiddenSize], true);
          const active = parts.activation(activation, wide);
          return parts.linear(`${at}.mlp.dense_4h_to_h`, active, [hiddenSize, intermediateSize], true);
        },
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'gpt_neox.final_layer_norm', hidden),
    logits: (parts, states) => parts.linear(head, states, [vocabSize, hiddenSize], false),
  });
}
