import { type Fields, fieldsOf } from '@sonde/checkpoints';
import { mptSlopes } from './alibi.ts';
import { plainMlp, readLayerNorm, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * MPT (`MptForCausalLM`): norms without a bias, one projection for queries, keys and values, which may be clipped, and
 * scores that fall with distance (ALiBi). MosaicML, MPT-7B, 2023.
 */
export function describeMpt(config: Fields): LanguageModel {
  const hiddenSize = config.count('d_model', 2048);
  const heads = config.count('n_heads', 16);
  const headSize = headSizeOf(config, hiddenSize, heads);
  const sizes = {
    layers: config.count('n_layers', 24),
    hiddenSize,
    vocabSize: config.count('vocab_size', 50368),
    maxPositions: config.count('max_seq_len', 2048),
    heads,
    keyValueHeads: heads,
    headSize,
    cachedSize: headSize + 1,
    window: null,
  };
  const attention = config.group('attn_config') ?? fieldsOf({}, `${config.where}: attn_config`);
  const clip = attention.optionalPositive('clip_qkv', null);
  const scale = attention.optionalPositive('softmax_scale', null) ?? 1 / Math.sqrt(headSize);
  // The class has positions by distance, with these slopes, whatever attn_config says of them.
  const alibi = { slopes: mptSlopes(heads) };
  const mlp = { hiddenSize, intermediateSize: 4 * hiddenSize, activation: 'gelu', bias: false } as const;
  const norm = readLayerNorm(config, sizes, { field: 'layer_norm_epsilon', bias: false });
  const tokens = [sizes.vocabSize, hiddenSize] as const;
  const embedding = 'transformer.wte';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes,
    rotary: [],
    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, tokens),
    block(parts, layer, hidden) {
      const at = `transformer.blocks.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.norm_1`, x);
          const fused = parts.linear(`${at}.attn.Wqkv`, normed, [3 * hiddenSize, hiddenSize], false);
          const clipped = clip === null ? fused : parts.clip(fused, clip);
          const [query, key, value] = parts.split(clipped, [hiddenSize, hiddenSize, hiddenSize]);
          const attended = parts.attention(layer, { query: query!, key: key!, value: value! }, { alibi, scale });
          return parts.linear(`${at}.attn.out_proj`, attended, [hiddenSize, hiddenSize], false);
        },
        mlp: (x) =>
          plainMlp(
            parts,
            { up: `${at}.ffn.up_proj`, down: `${at}.ffn.down_proj` },
            norm(parts, `${at}.norm_2`, x),
            mlp,
          ),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.norm_f', hidden),
    logits: (parts, states) => parts.linear(head, states, tokens, false),
  });
}
