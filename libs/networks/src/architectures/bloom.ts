import type { Fields } from '@sonde/checkpoints';
import { alibiSlopes } from './alibi.ts';
import { type Branches, normedStreamBlock, plainMlp, readLayerNorm, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/** The class has no limit; this is the length of the texts that it was trained on. */
const MOST_POSITIONS = 2048;

/**
 * BLOOM (`BloomForCausalLM`): a norm of the embedding, one projection for queries, keys and values, and scores that fall
 * with distance (ALiBi). Scao et al., arXiv 2211.05100.
 */
export function describeBloom(config: Fields): LanguageModel {
  const hiddenSize = config.count(config.has('n_embed') ? 'n_embed' : 'hidden_size', 64);
  const heads = config.count('n_head', 8);
  const headSize = headSizeOf(config, hiddenSize, heads);
  const sizes = {
    layers: config.count('n_layer', 2),
    hiddenSize,
    vocabSize: config.count('vocab_size', 250880),
    maxPositions: config.count('seq_length', MOST_POSITIONS),
    heads,
    keyValueHeads: heads,
    headSize,
    cachedSize: headSize + 1,
    window: null,
  };
  const alibi = { slopes: alibiSlopes(heads) };
  const mlp = { hiddenSize, intermediateSize: 4 * hiddenSize, activation: 'gelu_fast', bias: true } as const;
  const streamIsNormed = config.flag('apply_residual_connection_post_layernorm', false);
  const norm = readLayerNorm(config, sizes, { field: 'layer_norm_epsilon' });
  const tokens = [sizes.vocabSize, hiddenSize] as const;
  const embedding = 'transformer.word_embeddings';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes,
    rotary: [],
    embed: (parts, inputIds) =>
      norm(parts, 'transformer.word_embeddings_layernorm', parts.embedding(embedding, inputIds, tokens)),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      const norms: Branches = {
        attention: (x) => norm(parts, `${at}.input_layernorm`, x),
        mlp: (x) => norm(parts, `${at}.post_attention_layernorm`, x),
      };
      const branches: Branches = {
        attention(normed) {
          const name = `${at}.self_attention`;
          const fused = parts.linear(`${name}.query_key_value`, normed, [3 * hiddenSize, hiddenSize], true);
          const [query, key, value] = parts.splitEachHead(fused, heads, 3);
          const attended = parts.attention(layer, { query: query!, key: key!, value: value! }, { alibi });
          return parts.linear(`${name}.dense`, attended, [hiddenSize, hiddenSize], true);
        },
        mlp(normed) {
          const names = { up: `${at}.mlp.dense_h_to_4h`, down: `${at}.mlp.dense_4h_to_h` };
          return plainMlp(parts, names, normed, mlp);
        },
      };
      if (streamIsNormed) return normedStreamBlock(parts, layer, hidden, norms, branches);
      return sequentialBlock(parts, layer, hidden, {
        attention: (x) => branches.attention(norms.attention(x)),
        mlp: (x) => branches.mlp(norms.mlp(x)),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: (parts, states) => parts.linear(head, states, tokens, false),
  });
}
