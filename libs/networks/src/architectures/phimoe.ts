import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { type RotarySpec, readRotary, rotarySettings } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { readLayerNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { preNormModel } from './llama-form.ts';
import { readMixtralExpert, SPARSE } from './mixtral.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Phi-3.5-MoE (`PhimoeForCausalLM`): as Mixtral, with LayerNorm, and two experts chosen by SparseMixer. Abdin et al.,
 * arXiv 2404.14219; Liu et al., arXiv 2409.12136.
 */
export function describePhimoe(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', null);
  const sizes = readSizes(config, { maxPositions: 131072, window });
  const bias = config.flag('attention_bias', false);
  const experts = config.count('num_local_experts', 16);
  if (experts < 2) {
    throw new UserError('model', `${config.where}: num_local_experts is ${experts}; a token has two of them.`);
  }
  const jitter = config.value('router_jitter_noise') === 0 ? 0 : config.positive('router_jitter_noise', 0.01);
  const routing = { experts, chosen: 2, normed: false, leftBehind: 2 * jitter };
  return preNormModel(config, {
    ...withMixtures(config, sizes, { routing, own: readMixtralExpert(config, sizes), called: SPARSE }),
    rotary: readScaled(config, sizes),
    norm: readLayerNorm(config, sizes, { field: 'rms_norm_eps' }),
    attention: () => ({ bias, outputBias: bias, sliding: window !== null }),
    headBias: config.flag('lm_head_bias', false),
  });
}

/** Settings of any type but the default name what cosines and sines are multiplied by, in texts up to a length. */
function readScaled(config: Fields, sizes: TrunkSizes): RotarySpec {
  const spec = readRotary(config, sizes, { theta: 1_000_000 });
  const settings = rotarySettings(config);
  if (!settings || settings.text('rope_type', settings.text('type', 'default')) === 'default') return spec;
  const original = settings.count('original_max_position_embeddings', sizes.maxPositions);
  return {
    ...spec,
    attentionFactor: settings.positive('short_mscale'),
    maxPositions: Math.min(original, spec.maxPositions ?? original),
  };
}
