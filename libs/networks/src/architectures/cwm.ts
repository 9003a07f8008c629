import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

const THETA = 1_000_000;

/** What the class takes where config.json says nothing of positions. */
const USUAL_ROTARY = {
  rope_type: 'llama3',
  rope_theta: THETA,
  factor: 16,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

/** CWM (`CwmForCausalLM`): as Llama, with a sliding window in three layers of four. FAIR CodeGen team, arXiv 2510.02387. */
export function describeCwm(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 8192);
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131072, window });
  const sliding = readSliding(config, sizes.layers, (layer) => layer % 4 !== 0);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes, { theta: THETA, usual: USUAL_ROTARY }),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: (_, layer) => ({ bias: false, outputBias: false, sliding: window !== null && sliding(layer) }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
