import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
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
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias: false,
            outputBias: false,
            sliding: window !== null && sliding(layer),
          }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
