import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type MlpForm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** What Mixtral and its like call a block's mixture. */
export const SPARSE = 'block_sparse_moe';

/** Mixtral's experts, under their names. */
export function readMixtralExpert(config: Fields, sizes: TrunkSizes): MlpForm {
  return { ...readGatedMlp(config, sizes), names: { gate: 'w1', up: 'w3', down: 'w2' } };
}

/**
 * Mixtral (`MixtralForCausalLM`): as Mistral, with experts in place of each MLP. Jiang et al., arXiv 2401.04088.
 */
export function describeMixtral(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', null);
  const sizes = readSizes(config, { maxPositions: 131072, window });
  const routing = {
    experts: config.count('num_local_experts', 8),
    chosen: config.count('num_experts_per_tok', 2),
    normed: true,
  };
  return preNormModel(config, {
    ...withMixtures(config, sizes, { routing, own: readMixtralExpert(config, sizes), called: SPARSE }),
    rotary: readRotary(config, sizes, { theta: 1_000_000 }),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: () => ({ bias: false, outputBias: false, sliding: window !== null }),
  });
}
