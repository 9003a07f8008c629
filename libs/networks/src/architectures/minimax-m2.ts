import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { allHeadsRmsNorm, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { preNormModel } from './llama-form.ts';
import { readMixtralExpert, SPARSE } from './mixtral.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * MiniMax-M2 (`MiniMaxM2ForCausalLM`): as Mixtral, with norms of all queries and all keys together, rotary positions in a
 * part of each head, and a sigmoid for each expert with a bias that corrects the choice alone. MiniMax, 2025.
 */
export function describeMiniMaxM2(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 196608 });
  const experts = config.count('num_local_experts', 256);
  const chosen = config.count('num_experts_per_tok', 8);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const rotated = config.has('rotary_dim') ? config.count('rotary_dim') / sizes.headSize : 1;
  const partialFactor = config.positive('partial_rotary_factor', rotated);
  return preNormModel(config, {
    ...withMixtures(config, sizes, {
      routing: { experts, chosen, scores: 'sigmoid', normed: true },
      own: readMixtralExpert(config, sizes),
      called: SPARSE,
      correction: (parts, name) => parts.vector(`${name}.e_score_correction_bias`, experts),
    }),
    rotary: readRotary(config, sizes, { theta: 5_000_000, partialFactor, ofTables: true }),
    norm: readRmsNorm(config, sizes),
    attention: (parts) => ({ bias: false, outputBias: false, norm: allHeadsRmsNorm(parts, sizes, epsilon) }),
  });
}
