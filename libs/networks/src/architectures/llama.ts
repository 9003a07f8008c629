import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Llama 1–3 (`LlamaForCausalLM`): RMSNorm before attention and MLP, rotary positions, grouped-query attention, SwiGLU.
 * Touvron et al., arXiv 2302.13971 and 2307.09288; Grattafiori et al., arXiv 2407.21783.
 */
export function describeLlama(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: () => ({ bias, outputBias: bias }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
