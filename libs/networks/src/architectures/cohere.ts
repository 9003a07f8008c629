import type { Fields } from '@sonde/checkpoints';
import type { Parts } from '../graph/parts.ts';
import { readRotary } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import {
  gatedMlp,
  parallelBlock,
  readGatedMlp,
  readLayerNorm,
  type SelfAttention,
  selfAttention,
  tokenTables,
} from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Command R (`CohereForCausalLM`): attention and MLP side by side behind one LayerNorm without a bias, rotary positions
 * of neighbouring numbers, scaled logits. Cohere, Command R, 2024.
 */
export function describeCohere(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 8192 });
  const epsilon = config.positive('layer_norm_eps', 1e-5);
  const hasHeadNorms = config.flag('use_qk_norm', false);
  return cohereModel(config, sizes, 500000, (parts) =>
    hasHeadNorms ? { norm: (name, y, heads) => parts.layerNormHeads(name, y, [heads, sizes.headSize], epsilon) } : {},
  );
}

/**
 * Command R7B and A (`Cohere2ForCausalLM`): as Command R, with a sliding window in three layers of four; the others have
 * no positions. Cohere, Command A, arXiv 2504.00698.
 */
export function describeCohere2(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 4096);
  const sizes = readSizes(config, { maxPositions: 8192, window });
  const pattern = config.count('sliding_window_pattern', 4);
  const isSliding = readSliding(config, sizes.layers, (layer) => (layer + 1) % pattern !== 0);
  return cohereModel(config, sizes, 10000, (_, layer) => {
    const sliding = window !== null && isSliding(layer);
    return sliding ? { sliding } : { rotary: null };
  });
}

/** @param particular what differs from the usual in a layer's attention */
function cohereModel(
  config: Fields,
  sizes: TrunkSizes,
  theta: number,
  particular: (parts: Parts, layer: number) => Partial<SelfAttention>,
): LanguageModel {
  const mlp = readGatedMlp(config, sizes);
  const norm = readLayerNorm(config, sizes, { bias: false });
  const bias = config.flag('attention_bias', false);
  const tables = tokenTables(config, sizes, { tied: true });
  const logitScale = config.positive('logit_scale', 0.0625);
  return languageModel({
    sizes,
    rotary: [{ ...readRotary(config, sizes, { theta }), interleaved: true }],
    embed: tables.embed,
    block(parts, layer, hidden) {
      const at = `model.layers.${layer}`;
      const normed = norm(parts, `${at}.input_layernorm`, hidden);
      const options = { bias, outputBias: bias, ...particular(parts, layer) };
      return parallelBlock(parts, layer, hidden, {
        attention: () => selfAttention(parts, sizes, layer, `${at}.self_attn`, normed, options),
        mlp: () => gatedMlp(parts, `${at}.mlp`, normed, mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
    logits: (parts, states) => parts.scale(tables.logits(parts, states), logitScale),
  });
}
