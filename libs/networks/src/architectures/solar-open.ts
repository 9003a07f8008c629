import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';
import { readSharedExperts, readSigmoidRouting } from './shared-experts.ts';

/** Solar Open (`SolarOpenForCausalLM`): as Llama, with DeepSeek V3's experts in all blocks. Upstage, 2025. */
export function describeSolarOpen(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131072 });
  const bias = config.flag('attention_bias', false);
  return preNormModel(config, {
    ...readSharedExperts(config, sizes, {
      routing: readSigmoidRouting(config, { experts: 128, chosen: 8, normed: true, factor: 1 }),
      usual: { shared: 1, intermediateSize: 1280 },
    }),
    rotary: readRotary(config, sizes, { theta: 1_000_000 }),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: () => ({ bias, outputBias: false }),
  });
}
