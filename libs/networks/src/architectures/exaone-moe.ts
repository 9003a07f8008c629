import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { readRmsNorm } from './blocks.ts';
import { readExaoneAttention } from './exaone4.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';
import { readFirstDense, readSharedExperts, readSigmoidRouting } from './shared-experts.ts';

const NAMES = { experts: 'num_experts', shared: 'num_shared_experts', correction: 'e_score_correction_bias' };

/**
 * K-EXAONE (`ExaoneMoeForCausalLM`): EXAONE 4's attention behind a norm, as in Llama, and DeepSeek V3's experts.
 * LG AI Research, arXiv 2601.01739.
 */
export function describeExaoneMoe(config: Fields): LanguageModel {
  const sizes = readSizes(config, { window: config.optionalCount('sliding_window', 4096) });
  const usual = { experts: 64, chosen: 8, normed: true, factor: 2.5 };
  const types = config.words('mlp_layer_types', ['dense', 'sparse'], sizes.layers);
  return preNormModel(config, {
    ...readSharedExperts(config, sizes, {
      routing: readSigmoidRouting(config, usual, NAMES),
      usual: { shared: 1, intermediateSize: 1024 },
      isDense: types ? (layer) => types[layer] === 'dense' : readFirstDense(config, 1),
      names: NAMES,
    }),
    rotary: readRotary(config, sizes),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: readExaoneAttention(config, sizes),
  });
}
