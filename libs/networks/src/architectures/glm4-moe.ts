import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { headRmsNorm, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';
import { readFirstDense, readSharedExperts, readSigmoidRouting } from './shared-experts.ts';

/**
 * GLM-4.5 (`Glm4MoeForCausalLM`): as Llama, with DeepSeek V3's experts, rotary positions in a part of each head, and
 * norms of each query and key head where the configuration asks for them. GLM team, arXiv 2508.06471.
 */
export function describeGlm4Moe(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 131072 });
  const bias = config.flag('attention_bias', false);
  const hasHeadNorms = config.flag('use_qk_norm', false);
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  const partialFactor = config.positive('partial_rotary_factor', 0.5);
  return preNormModel(config, {
    ...readSharedExperts(config, sizes, {
      routing: readSigmoidRouting(config, { experts: 128, chosen: 8, normed: true, factor: 1 }),
      usual: { shared: 1, intermediateSize: 1408 },
      isDense: readFirstDense(config, 1),
    }),
    furtherBlocks: config.whole('num_nextn_predict_layers', 1),
    rotary: readRotary(config, sizes, { partialFactor, ofTables: true }),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: (parts) => ({
      bias,
      outputBias: false,
      ...(hasHeadNorms && { norm: headRmsNorm(parts, sizes, epsilon) }),
    }),
  });
}
