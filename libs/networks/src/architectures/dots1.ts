import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { headRmsNorm, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';
import { readFirstDense, readSharedExperts, readSigmoidRouting } from './shared-experts.ts';

/**
 * dots.llm1 (`Dots1ForCausalLM`): as Qwen 3, with DeepSeek V3's experts and a sliding window in the last layers where the
 * configuration has one. rednote-hilab, arXiv 2506.05767.
 */
export function describeDots1(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 4096);
  const sizes = readSizes(config, { window });
  const full = config.whole('max_window_layers', 62);
  const sliding = readSliding(config, sizes.layers, (layer) => layer >= full);
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  return preNormModel(config, {
    ...readSharedExperts(config, sizes, {
      routing: readSigmoidRouting(config, { normed: false, factor: 1 }),
      usual: { intermediateSize: 1408 },
      isDense: readFirstDense(config, 0),
    }),
    rotary: readRotary(config, sizes),
    norm: readRmsNorm(config, sizes),
    attention: (parts, layer) => ({
      bias,
      outputBias: bias,
      sliding: window !== null && sliding(layer),
      norm: headRmsNorm(parts, sizes, epsilon),
    }),
  });
}
