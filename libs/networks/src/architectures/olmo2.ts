import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { allHeadsRmsNorm, gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { postNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * OLMo 2 (`Olmo2ForCausalLM`): RMSNorm after attention and MLP, and of all queries and all keys together.
 * OLMo team, arXiv 2501.00656.
 */
export function describeOlmo2(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  const mlp = readGatedMlp(config, sizes);
  return postNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: (parts) => ({ bias, outputBias: bias, norm: allHeadsRmsNorm(parts, sizes, epsilon) }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
