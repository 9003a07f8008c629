import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { mixtureOfExperts, withExperts } from './experts.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * OLMoE (`OlmoeForCausalLM`): as Llama, with norms of all queries and all keys together, and experts in place of each
 * MLP. Muennighoff et al., arXiv 2409.02060.
 */
export function describeOlmoe(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 4096 });
  const bias = config.flag('attention_bias', false);
  const clip = config.has('clip_qkv') ? config.positive('clip_qkv') : null;
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  const mlp = readGatedMlp(config, sizes);
  const routing = {
    experts: config.count('num_experts', 64),
    chosen: config.count('num_experts_per_tok', 8),
    normed: config.flag('norm_topk_prob', false),
  };
  const norm = readRmsNorm(config, sizes, 1e-5);
  return languageModel({
    sizes: withExperts(sizes, routing.experts),
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: bias,
            clip,
            norm: (at, y, heads) => parts.rmsNorm(at, y, heads * sizes.headSize, { epsilon }),
          }),
        mlp: (name, x) => mixtureOfExperts(parts, layer, name, x, mlp, routing),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
