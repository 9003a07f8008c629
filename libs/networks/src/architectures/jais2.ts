import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { plainMlp, preNormBlock, readLayerNorm, readMlp, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Jais 2 (`Jais2ForCausalLM`): as Llama, with LayerNorm, biases and an MLP without a gate. Inception and MBZUAI, 2025. */
export function describeJais2(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 8192 });
  const bias = config.flag('attention_bias', true);
  const mlp = readMlp(config, sizes, 'relu2', config.flag('mlp_bias', true));
  const norm = readLayerNorm(config, sizes);
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
