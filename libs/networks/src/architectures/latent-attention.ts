import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { type RotarySpec, readRotary, rotarySettings } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';

/** Both latents' norms have the epsilon that their class has, whatever config.json says of other norms. */
const EPSILON = 1e-6;

/**
 * Attention whose queries, keys and values are made from narrower latents, and whose positions are in numbers of their
 * own that all heads' keys share. What is cached are the keys and values made. DeepSeek-AI, arXiv 2405.04434, section 2.1.
 */
export interface LatentAttention {
  readonly sizes: TrunkSizes;
  readonly rotary: RotarySpec;
  attend(parts: Parts, layer: number, name: string, x: Value): Value;
}

/**
 * @param interleaved whether pairs of neighbours are rotated
 * @param maxPositions where config.json does not say
 */
export function readLatentAttention(config: Fields, interleaved: boolean, maxPositions = 2048): LatentAttention {
  const hiddenSize = config.count('hidden_size');
  const heads = config.count('num_attention_heads');
  const [plain, turned] = [config.count('qk_nope_head_dim', 128), config.count('qk_rope_head_dim', 64)];
  const headSize = config.count('v_head_dim', 128);
  const queryRank = config.value('q_lora_rank') === null ? null : config.count('q_lora_rank', 1536);
  const rank = config.count('kv_lora_rank', 512);
  const bias = config.flag('attention_bias', false);
  const keySize = plain + turned;
  const sizes = {
    layers: config.count('num_hidden_layers'),
    hiddenSize,
    vocabSize: config.count('vocab_size'),
    maxPositions: config.count('max_position_embeddings', maxPositions),
    heads,
    keyValueHeads: heads,
    headSize,
    cachedSize: Math.max(keySize, headSize),
    window: null,
  };
  const spec = readRotary(config, { headSize: turned, maxPositions: sizes.maxPositions });
  const scale = keySize ** -0.5 * temperature(config) ** 2;
  const queries = (parts: Parts, name: string, x: Value): Value => {
    if (queryRank === null) return parts.linear(`${name}.q_proj`, x, [heads * keySize, hiddenSize], false);
    const latent = parts.linear(`${name}.q_a_proj`, x, [queryRank, hiddenSize], bias);
    const normed = parts.rmsNorm(`${name}.q_a_layernorm`, latent, queryRank, { epsilon: EPSILON });
    return parts.linear(`${name}.q_b_proj`, normed, [heads * keySize, queryRank], false);
  };
  return {
    sizes,
    rotary: { ...spec, interleaved },
    attend(parts, layer, name, x) {
      const [queryPlain, queryTurned] = parts.splitGroups(queries(parts, name, x), heads, [plain, turned]);
      const compressed = parts.linear(`${name}.kv_a_proj_with_mqa`, x, [rank + turned, hiddenSize], bias);
      const [latent, keyTurned] = parts.split(compressed, [rank, turned]);
      const normed = parts.rmsNorm(`${name}.kv_a_layernorm`, latent!, rank, { epsilon: EPSILON });
      const made = parts.linear(`${name}.kv_b_proj`, normed, [heads * (plain + headSize), rank], false);
      const [keyPlain, value] = parts.splitGroups(made, heads, [plain, headSize]);
      const query = parts.joinHeads(
        [
          { x: queryPlain!, size: plain },
          { x: parts.rotate(queryTurned!, heads), size: turned },
        ],
        heads,
      );
      const key = parts.joinHeads(
        [
          { x: keyPlain!, size: plain },
          { x: parts.rotate(keyTurned!, 1), size: turned, heads: 1 },
        ],
        heads,
      );
      const attended = parts.attention(layer, { query, key, value: value! }, { keySize, scale });
      return parts.linear(`${name}.o_proj`, attended, [hiddenSize, heads * headSize], bias);
    },
  };
}

/** What scaled positions make queries and keys each be multiplied by. */
function temperature(config: Fields): number {
  const settings = rotarySettings(config);
  if (!settings || settings.text('rope_type', settings.text('type', 'default')) === 'default') return 1;
  const share = settings.value('mscale_all_dim') ?? 0;
  if (share === 0) return 1;
  const factor = settings.positive('factor');
  return factor <= 1 ? 1 : 0.1 * settings.positive('mscale_all_dim') * Math.log(factor) + 1;
}
