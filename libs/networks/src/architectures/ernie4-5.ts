import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import type { LanguageModel } from './network.ts';
import { preNormModel } from './pre-norm-model.ts';
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
  return preNormModel(config, {
    sizes,
    rotary: { ...readRotary(config, sizes, { theta: 500_000 }), interleaved: true },
    norm,
    attention: () => ({ bias, outputBias: bias }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
    tied: true,
  });
}
