import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { fusedGatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * GLM-4 of 2024 (`GlmForCausalLM`): rotary positions of neighbouring numbers in a part of each head, one projection for the
 * MLP's gate and what it gates. GLM team, arXiv 2406.12793.
 */
export function describeGlm(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131072 });
  const bias = config.flag('attention_bias', true);
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes, 1.5625e-7);
  const partialFactor = config.positive('partial_rotary_factor', 0.5);
  return languageModel({
    sizes,
    rotary: [{ ...readRotary(config, sizes, { partialFactor, ofTables: true }), interleaved: true }],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: false }),
        mlp: (name, x) => fusedGatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
