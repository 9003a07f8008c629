import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { fusedGatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
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
  return preNormModel(config, {
    sizes,
    rotary: { ...readRotary(config, sizes, { partialFactor, ofTables: true }), interleaved: true },
    norm,
    attention: () => ({ bias, outputBias: false }),
    mlp: (parts, name, x) => fusedGatedMlp(parts, name, x, mlp),
  });
}
