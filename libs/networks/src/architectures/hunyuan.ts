import type { Fields } from '@sonde/checkpoints';
import { plainRotary, readRotary, rotarySettings } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, headRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import type { LanguageModel } from './network.ts';
import { preNormModel } from './pre-norm-model.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Hunyuan without experts (`HunYuanDenseV1ForCausalLM`): as Llama, with a norm of each rotated query and key head, and
 * frequencies for long texts whatever the length. Tencent Hunyuan, 2025.
 */
export function describeHunYuan(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes, 1e-5);
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  return preNormModel(config, {
    sizes,
    rotary: readStretched(config, sizes),
    norm,
    attention: (parts) => ({
      bias,
      outputBias: bias,
      normNames: { q: 'query_layernorm', k: 'key_layernorm' },
      normRotated: headRmsNorm(parts, sizes, epsilon),
    }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}

/** `dynamic` with an `alpha` stretches the base, and does not depend on the text. */
function readStretched(config: Fields, sizes: TrunkSizes) {
  const settings = rotarySettings(config);
  const type = settings?.text('rope_type', settings.text('type', 'default'));
  const alpha = type === 'dynamic' && settings?.value('alpha') ? settings.positive('alpha') : null;
  if (alpha === null) return readRotary(config, sizes);
  const theta = settings!.positive('rope_theta', config.positive('rope_theta', 10000));
  const { headSize } = sizes;
  return plainRotary(theta * alpha ** (headSize / (headSize - 2)), headSize);
}
