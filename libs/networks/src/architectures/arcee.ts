import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { plainMlp, preNormBlock, readMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Arcee's foundation models (`ArceeForCausalLM`): as Llama, with an MLP without a gate. Arcee AI, AFM-4.5B, 2025. */
export function describeArcee(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 4096 });
  const bias = config.flag('attention_bias', false);
  const mlp = readMlp(config, sizes, 'relu2', config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes, 1e-5);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: bias }),
        mlp: (name, x) => plainMlp(parts, { up: `${name}.up_proj`, down: `${name}.down_proj` }, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
