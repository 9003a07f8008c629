import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import {
  gatedMlp,
  parallelBlock,
  preNormBlock,
  readGatedMlp,
  readLayerNorm,
  selfAttention,
  tokenTables,
} from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * StableLM (`StableLmForCausalLM`): as Llama, with LayerNorm, rotary positions in a part of each head, and, where the
 * configuration says so, attention and MLP side by side and a norm of each query and key head.
 * Bellagente et al., arXiv 2402.17834.
 */
export function describeStableLm(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 4096 });
  const { headSize } = sizes;
  const mlp = readGatedMlp(config, sizes);
  const norm = readLayerNorm(config, sizes);
  const epsilon = config.positive('layer_norm_eps', 1e-5);
  const bias = config.flag('use_qkv_bias', false);
  const hasHeadNorms = config.flag('qk_layernorm', false);
  const isParallel = config.flag('use_parallel_residual', false);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes, { partialFactor: config.positive('partial_rotary_factor', 0.25) })],
    ...tokenTables(config, sizes),
    block(parts, layer, hidden) {
      const branches = {
        attention: (name: string, x: typeof hidden) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: false,
            normNames: { q: 'q_layernorm', k: 'k_layernorm' },
            ...(hasHeadNorms
              ? {
                  norm: (at, y, heads) =>
                    parts.layerNormHeads(
                      Array.from({ length: heads }, (_, head) => `${at}.norms.${head}`),
                      y,
                      [heads, headSize],
                      epsilon,
                    ),
                }
              : {}),
          }),
        mlp: (name: string, x: typeof hidden) => gatedMlp(parts, name, x, mlp),
      };
      if (!isParallel) return preNormBlock(parts, layer, hidden, norm, branches);
      const at = `model.layers.${layer}`;
      const normed = norm(parts, `${at}.input_layernorm`, hidden);
      return parallelBlock(parts, layer, hidden, {
        attention: () => branches.attention(`${at}.self_attn`, normed),
        mlp: () => branches.mlp(`${at}.mlp`, normed),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
