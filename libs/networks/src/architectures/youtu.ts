import type { Fields } from '@sonde/checkpoints';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, tokenTables } from './blocks.ts';
import { readLatentAttention } from './latent-attention.ts';
import { type LanguageModel, languageModel } from './network.ts';

/** Youtu-LLM (`YoutuForCausalLM`): DeepSeek V3's latent attention, and an MLP in each block. Tencent, arXiv 2512.24618. */
export function describeYoutu(config: Fields): LanguageModel {
  const attention = readLatentAttention(config, config.flag('rope_interleave', true), 131_072);
  const { sizes, rotary } = attention;
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes);
  return languageModel({
    sizes,
    rotary: [rotary],
    ...tokenTables(config, sizes, { tied: true }),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => attention.attend(parts, layer, name, x),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
