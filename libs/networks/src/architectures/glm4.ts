import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { fusedGatedMlp, readGatedMlp, readRmsNorm, selfAttention, sequentialBlock, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * GLM-4 of 2025 (`Glm4ForCausalLM`): norms before and after attention and MLP, rotary positions of neighbouring numbers
 * in a part of each head, one projection for the MLP's gate and what it gates. GLM team, arXiv 2406.12793.
 */
export function describeGlm4(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131072 });
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes, 1.5625e-7);
  const bias = config.flag('attention_bias', true);
  return languageModel({
    sizes,
    rotary: [
      {
        ...readRotary(config, sizes, { partialFactor: config.positive('partial_rotary_factor', 0.5), ofTables: true }),
        interleaved: true,
      },
    ],
    ...tokenTables(config, sizes),
    block(parts, layer, hidden) {
      const at = `model.layers.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.input_layernorm`, x);
          const attended = selfAttention(parts, sizes, layer, `${at}.self_attn`, normed, { bias, outputBias: false });
          return norm(parts, `${at}.post_self_attn_layernorm`, attended);
        },
        mlp(x) {
          const normed = norm(parts, `${at}.post_attention_layernorm`, x);
          return norm(parts, `${at}.post_mlp_layernorm`, fusedGatedMlp(parts, `${at}.mlp`, normed, mlp));
        },
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
