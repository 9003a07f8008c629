import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Mistral (`MistralForCausalLM`): as Llama, with a sliding window where the configuration names one: in all
 * layers, or in those of `layer_types`.
 * Jiang et al., arXiv 2310.06825.
 */
export function describeMistral(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 4096);
  const sizes = readSizes(config, { maxPositions: 131072, window });
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes);
  // With layer_types transformers takes the model for a Ministral, whose layers slide one by one.
  const sliding = readSliding(config, sizes.layers, () => true);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: (_, layer) => ({
      bias: false,
      outputBias: false,
      sliding: window !== null && sliding(layer),
    }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
