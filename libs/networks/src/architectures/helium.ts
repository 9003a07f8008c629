import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Helium (`HeliumForCausalLM`): as Llama, with rotary positions of neighbouring numbers. Kyutai, Helium 1, 2025. */
export function describeHelium(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 4096 });
  const bias = config.flag('attention_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes, 1e-8);
  return languageModel({
    sizes,
    rotary: [{ ...readRotary(config, sizes, { theta: 100_000 }), interleaved: true }],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: false }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
