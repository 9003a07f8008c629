import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, headRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readQwenSliding, readQwenWindow } from './qwen2.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Qwen 3 (`Qwen3ForCausalLM`): as Qwen 2, with a norm of each query and key head in place of the biases.
 * Yang et al., arXiv 2505.09388.
 */
export function describeQwen3(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 32768, window: readQwenWindow(config) });
  const sliding = readQwenSliding(config, sizes.layers);
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: (parts, layer) => ({
      bias,
      outputBias: bias,
      sliding: sliding(layer),
      norm: headRmsNorm(parts, sizes, epsilon),
    }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
