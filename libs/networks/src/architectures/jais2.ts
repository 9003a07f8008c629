import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { plainMlp, readLayerNorm, readMlp } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Jais 2 (`Jais2ForCausalLM`): as Llama, with LayerNorm, biases and an MLP without a gate. Inception and MBZUAI, 2025. */
export function describeJais2(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 8192 });
  const bias = config.flag('attention_bias', true);
  const mlp = readMlp(config, sizes, 'relu2', config.flag('mlp_bias', true));
  const norm = readLayerNorm(config, sizes);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: () => ({ bias, outputBias: bias }),
    mlp: (parts, name, x) => plainMlp(parts, { up: `${name}.up_proj`, down: `${name}.down_proj` }, x, mlp),
  });
}
