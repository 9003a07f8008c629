import type { Fields } from '@sonde/checkpoints';
import { readRotaryByType } from '../rotary.ts';
import { allHeadsRmsNorm, gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { postNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

const THETA = 500_000;
const [WIDE, NARROW] = [0, 1];

/**
 * OLMo 3 (`Olmo3ForCausalLM`): as OLMo 2, with a sliding window in three layers of four, whose positions are not scaled
 * when those of the others are. OLMo team, arXiv 2512.13961.
 */
export function describeOlmo3(config: Fields): LanguageModel {
  const sizes = readSizes(config, { window: config.optionalCount('sliding_window', 4096) });
  const sliding = readSliding(config, sizes.layers, (layer) => (layer + 1) % 4 !== 0);
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  const mlp = readGatedMlp(config, sizes);
  return postNormModel(config, {
    sizes,
    // The class gives rope_theta to the layers without a window alone.
    rotary: readRotaryByType(config, sizes, { full: config.positive('rope_theta', THETA), sliding: THETA }),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: (parts, layer) => ({
      bias,
      outputBias: bias,
      norm: allHeadsRmsNorm(parts, sizes, epsilon),
      sliding: sizes.window !== null && sliding(layer),
      rotary: sliding(layer) ? NARROW : WIDE,
    }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
