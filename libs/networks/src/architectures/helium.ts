import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** Helium (`HeliumForCausalLM`): as Llama, with rotary positions of neighbouring numbers. Kyutai, Helium 1, 2025. */
export function describeHelium(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 4096 });
  const bias = config.flag('attention_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes, 1e-8);
  return preNormModel(config, {
    sizes,
    rotary: { ...readRotary(config, sizes, { theta: 100_000 }), interleaved: true },
    norm,
    attention: () => ({ bias, outputBias: false }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
