import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import {
  allHeadsRmsNorm,
  gatedMlp,
  postNormBlock,
  readGatedMlp,
  readRmsNorm,
  selfAttention,
  tokenTables,
} from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
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
  const norm = readRmsNorm(config, sizes, 1e-5);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      postNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: bias,
            norm: allHeadsRmsNorm(parts, sizes, epsilon),
          }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
