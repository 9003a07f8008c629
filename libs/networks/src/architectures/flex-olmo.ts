import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { allHeadsRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { postNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * FlexOlmo (`FlexOlmoForCausalLM`): as OLMo 2, with OLMoE's experts in place of each MLP, each trained on data of its own.
 * Shi et al., arXiv 2507.07024.
 */
export function describeFlexOlmo(config: Fields): LanguageModel {
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const sizes = readSizes(config, { maxPositions: 4096 });
  const routing = {
    experts: config.count('num_experts', 7),
    chosen: config.count('num_experts_per_tok', 5),
    normed: config.flag('norm_topk_prob', false),
  };
  return postNormModel(config, {
    ...withMixtures(config, sizes, { routing, own: readGatedMlp(config, sizes) }),
    rotary: readRotary(config, sizes, { theta: 500_000 }),
    norm: readRmsNorm(config, sizes),
    attention: (parts) => ({ bias, outputBias: bias, norm: allHeadsRmsNorm(parts, sizes, epsilon) }),
  });
}
