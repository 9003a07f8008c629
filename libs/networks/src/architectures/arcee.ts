import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { plainMlp, readMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Arcee's foundation models (`ArceeForCausalLM`): as Llama, with an MLP without a gate. Arcee AI, AFM-4.5B, 2025. */
export function describeArcee(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 4096 });
  const bias = config.flag('attention_bias', false);
  const mlp = readMlp(config, sizes, 'relu2', config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes, 1e-5);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: () => ({ bias, outputBias: bias }),
    mlp: (parts, name, x) => plainMlp(parts, { up: `${name}.up_proj`, down: `${name}.down_proj` }, x, mlp),
  });
}
