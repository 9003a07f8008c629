import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Granite 3 (`GraniteForCausalLM`): as Llama, with factors for embeddings, scores, what a block adds, and logits.
 * Granite team, Granite 3.0 Language Models, 2024.
 */
export function describeGranite(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes);
  const tables = tokenTables(config, sizes);
  const scale = config.positive('attention_multiplier', 1);
  const ofEmbedding = config.positive('embedding_multiplier', 1);
  const ofResidual = config.positive('residual_multiplier', 1);
  const ofLogits = 1 / config.positive('logits_scaling', 1);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    embed: (parts, inputIds) => parts.scale(tables.embed(parts, inputIds), ofEmbedding),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          parts.scale(selfAttention(parts, sizes, layer, name, x, { bias, outputBias: bias, scale }), ofResidual),
        mlp: (name, x) => parts.scale(gatedMlp(parts, name, x, mlp), ofResidual),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
    logits: (parts, states) => parts.scale(tables.logits(parts, states), ofLogits),
  });
}
