import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
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
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: bias }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
