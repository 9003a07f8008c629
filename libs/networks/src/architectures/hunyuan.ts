import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { plainRotary, readRotary, rotarySettings } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, headRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { type LlamaForm, preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Hunyuan without experts (`HunYuanDenseV1ForCausalLM`): as Llama, with a norm of each rotated query and key head, and
 * frequencies for long texts whatever the length. Tencent Hunyuan, 2025.
 */
export function describeHunYuan(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const mlp = readGatedMlp(config, sizes);
  return hunYuan(config, { sizes, mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp) });
}

/**
 * Hunyuan-A13B (`HunYuanMoEV1ForCausalLM`): the same with experts, and an MLP beside them for all tokens. Tencent
 * Hunyuan, 2025.
 */
export function describeHunYuanMoe(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const own = readGatedMlp(config, sizes);
  const chosen = readChosen(config, sizes.layers);
  const routing = { experts: config.count('num_experts', 1), chosen, normed: true };
  return hunYuan(
    config,
    withMixtures(config, sizes, {
      routing,
      own,
      router: 'gate.wg',
      beside: (parts, name, x) => gatedMlp(parts, `${name}.shared_mlp`, x, own),
    }),
  );
}

/** How many experts a token has: in all layers, or in each, of which a list may name more. */
function readChosen(config: Fields, layers: number): number | readonly number[] {
  const chosen = config.value('moe_topk');
  if (!Array.isArray(chosen)) return config.count('moe_topk', 1);
  if (chosen.length >= layers && chosen.every((count) => Number.isSafeInteger(count) && count > 0)) return chosen;
  throw new UserError(
    'model',
    `${config.where}: moe_topk is ${JSON.stringify(chosen)}; expected a positive integer, or a list of one for each of ${layers} layers.`,
  );
}

function hunYuan(config: Fields, trunk: Pick<LlamaForm, 'sizes' | 'mlp'>): LanguageModel {
  const { sizes } = trunk;
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  return preNormModel(config, {
    ...trunk,
    rotary: readStretched(config, sizes),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: (parts) => ({
      bias,
      outputBias: bias,
      normNames: { q: 'query_layernorm', k: 'key_layernorm' },
      normRotated: headRmsNorm(parts, sizes, epsilon),
    }),
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
