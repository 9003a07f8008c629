import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { allHeadsRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
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
  const routing = {
    experts: config.count('num_experts', 64),
    chosen: config.count('num_experts_per_tok', 8),
    normed: config.flag('norm_topk_prob', false),
  };
  return preNormModel(config, {
    ...withMixtures(config, sizes, { routing, own: readGatedMlp(config, sizes) }),
    rotary: readRotary(config, sizes),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: (parts) => ({ bias, outputBias: bias, clip, norm: allHeadsRmsNorm(parts, sizes, epsilon) }),
  });
}
