import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Seed-OSS (`SeedOssForCausalLM`): as Llama, with biases of queries, keys and values. ByteDance Seed, Seed-OSS, 2025. */
export function describeSeedOss(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 524288 });
  const bias = config.flag('attention_bias', true);
  const outputBias = config.flag('attention_out_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
