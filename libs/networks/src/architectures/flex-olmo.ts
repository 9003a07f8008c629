import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { allHeadsRmsNorm, postNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * FlexOlmo (`FlexOlmoForCausalLM`): as OLMo 2, with OLMoE's experts in place of each MLP, each trained on data of its own.
 * Shi et al., arXiv 2507.07024.
 */
export function describeFlexOlmo(config: Fields): LanguageModel {
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const own = readSizes(config, { maxPositions: 4096 });
  const routing = {
    experts: config.count('num_experts', 7),
    chosen: config.count('num_experts_per_tok', 5),
    normed: config.flag('norm_topk_prob', false),
  };
  const { sizes, mlp } = withMixtures(config, own, { routing, own: readGatedMlp(config, own) });
  const norm = readRmsNorm(config, sizes);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes, { theta: 500_000 })],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      postNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: bias,
            norm: allHeadsRmsNorm(parts, sizes, epsilon),
          }),
        mlp: (name, x) => mlp(parts, name, x, layer),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
