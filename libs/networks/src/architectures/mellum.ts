import type { Fields } from '@sonde/checkpoints';
import { readRotaryOfType } from '../rotary.ts';
import { headRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { LAYER_TYPES, readSizes, readSliding } from './read-sizes.ts';

/** What the class takes where config.json says nothing of positions. */
const USUAL_ROTARY = {
  full_attention: { rope_type: 'default', rope_theta: 500_000 },
  sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
};

/**
 * Mellum 2 (`MellumForCausalLM`): as Qwen 3 with experts, with a sliding window in some layers, and rotary positions of
 * their own in those. JetBrains, Mellum 2, 2026.
 */
export function describeMellum(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 1024);
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131_072, window });
  const slides = readSliding(config, sizes.layers, () => false);
  const typeOf = (layer: number) => LAYER_TYPES[slides(layer) ? 1 : 0];
  const types = Array.from({ length: sizes.layers }, (_, layer) => typeOf(layer));
  const rotary = LAYER_TYPES.filter((type) => types.includes(type));
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const mlp = readGatedMlp(config, sizes);
  const mlpTypes = config.words('mlp_layer_types', ['dense', 'sparse'], sizes.layers);
  return preNormModel(config, {
    ...withMixtures(config, sizes, {
      routing: {
        experts: config.count('num_experts', 64),
        chosen: config.count('num_experts_per_tok', 8),
        normed: config.flag('norm_topk_prob', true),
      },
      own: { ...mlp, intermediateSize: config.count('moe_intermediate_size', 896) },
      dense: { mlp, isIn: (layer) => mlpTypes?.[layer] === 'dense' },
    }),
    rotary: rotary.map((type) => readRotaryOfType(config, type, sizes, USUAL_ROTARY)),
    norm: readRmsNorm(config, sizes),
    attention: (parts, layer) => ({
      bias,
      outputBias: bias,
      sliding: window !== null && slides(layer),
      rotary: rotary.indexOf(typeOf(layer)),
      norm: headRmsNorm(parts, sizes, epsilon),
    }),
  });
}
