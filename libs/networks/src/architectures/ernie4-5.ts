import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * ERNIE 4.5 without experts (`Ernie4_5ForCausalLM`): as Llama, with rotary positions of neighbouring numbers. Baidu,
 * ERNIE 4.5 Technical Report, 2025.
 */
export function describeErnie45(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131072 });
  const bias = config.flag('use_bias', false);
  const mlp = readGatedMlp(config, sizes, bias);
  const norm = readRmsNorm(config, sizes, 1e-5);
  return languageModel({
    sizes,
    rotary: [{ ...readRotary(config, sizes, { theta: 500_000 }), interleaved: true }],
    ...tokenTables(config, sizes, true),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: bias }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
