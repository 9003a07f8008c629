import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Seed-OSS (`SeedOssForCausalLM`): as Llama, with biases of queries, keys and values. ByteDance Seed, Seed-OSS, 2025. */
export function describeSeedOss(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 524288 });
  const bias = config.flag('attention_bias', true);
  const outputBias = config.flag('attention_out_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: () => ({ bias, outputBias }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
