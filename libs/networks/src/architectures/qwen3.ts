import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
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
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: bias,
            sliding: sliding(layer),
            norm: (at, y, heads) => parts.rmsNorm(at, parts.splitHeads(y, heads), sizes.headSize, { epsilon }),
          }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
