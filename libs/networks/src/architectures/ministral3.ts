import type { Fields } from '@sonde/checkpoints';
import { readRotary, rotarySettings } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

const TRAINED_POSITIONS = 'original_max_position_embeddings';

/** What holds where config.json has no settings of rotary positions. */
const ROTARY = {
  rope_type: 'yarn',
  rope_theta: 1_000_000,
  factor: 16,
  [TRAINED_POSITIONS]: 16384,
  beta_fast: 32,
  beta_slow: 1,
  mscale_all_dim: 1,
  mscale: 1,
};

/**
 * Ministral 3 (`Ministral3ForCausalLM`): as Mistral. Queries are scaled from position
 * `original_max_position_embeddings` on; the context ends there. Mistral AI, arXiv 2601.08584.
 */
export function describeMinistral3(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', null);
  const sizes = readSizes(config, { headSize: 128, maxPositions: 262144, window });
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes, 1e-5);
  const maxPositions = rotarySettings(config, ROTARY)!.count(TRAINED_POSITIONS);
  return preNormModel(config, {
    sizes,
    rotary: { ...readRotary(config, sizes, { usual: ROTARY }), maxPositions },
    norm,
    attention: () => ({ bias: false, outputBias: false, sliding: window !== null }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
