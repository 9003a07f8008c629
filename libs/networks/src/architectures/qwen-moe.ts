import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, headRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { type MixtureForm, withMixtures } from './experts.ts';
import { type LlamaForm, preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readQwenWindow } from './qwen2.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Qwen 1.5 and 2 with experts (`Qwen2MoeForCausalLM`): as Qwen 2, with experts in place of MLPs, one of them shared by
 * all tokens and gated. Yang et al., arXiv 2407.10671.
 */
export function describeQwen2Moe(config: Fields): LanguageModel {
  const window = readQwenWindow(config);
  const sizes = readSizes(config, { maxPositions: 32768, window });
  const sliding = readQwen2MoeSliding(config, sizes.layers, window !== null);
  const bias = config.flag('qkv_bias', true);
  const own = readGatedMlp(config, sizes);
  const shared = { ...own, intermediateSize: config.count('shared_expert_intermediate_size', 5632) };
  return qwenMoe(config, sizes, {
    usual: { experts: 60, chosen: 4, intermediateSize: 1408 },
    attention: (_, layer) => ({ bias, outputBias: false, sliding: sliding(layer) }),
    beside(parts, name, x) {
      const gate = parts.activation(
        'sigmoid',
        parts.linear(`${name}.shared_expert_gate`, x, [1, sizes.hiddenSize], false),
      );
      return parts.multiply(gatedMlp(parts, `${name}.shared_expert`, x, shared), gate);
    },
  });
}

/** Qwen 3 with experts (`Qwen3MoeForCausalLM`): as Qwen 3, with experts in place of MLPs. Yang et al., arXiv 2505.09388. */
export function describeQwen3Moe(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 32768, window: readQwenWindow(config) });
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  return qwenMoe(config, sizes, {
    usual: { experts: 128, chosen: 8, intermediateSize: 768 },
    attention: (parts) => ({
      bias,
      outputBias: bias,
      sliding: sizes.window !== null,
      norm: headRmsNorm(parts, sizes, epsilon),
    }),
  });
}

interface Particular extends Pick<LlamaForm, 'attention'>, Pick<MixtureForm, 'beside'> {
  readonly usual: {
    readonly experts: number;
    readonly chosen: number;
    readonly intermediateSize: number;
  };
}

function qwenMoe(config: Fields, sizes: TrunkSizes, { usual, attention, ...beside }: Particular): LanguageModel {
  const mlp = readGatedMlp(config, sizes);
  const own = { ...mlp, intermediateSize: config.count('moe_intermediate_size', usual.intermediateSize) };
  const routing = {
    experts: config.count('num_experts', usual.experts),
    chosen: config.count('num_experts_per_tok', usual.chosen),
    normed: config.flag('norm_topk_prob', false),
  };
  const step = config.count('decoder_sparse_step', 1);
  const denseLayers = readLayers(config, 'mlp_only_layers');
  const isIn = (layer: number) => denseLayers.includes(layer) || (layer + 1) % step !== 0;
  return preNormModel(config, {
    ...withMixtures(config, sizes, { routing, own, dense: { mlp, isIn }, ...beside }),
    rotary: readRotary(config, sizes),
    norm: readRmsNorm(config, sizes),
    attention,
  });
}

/** A list of layers' numbers; none if the field is absent or null. */
function readLayers(config: Fields, name: string): readonly number[] {
  const listed = config.value(name) ?? [];
  if (Array.isArray(listed) && listed.every((layer) => Number.isSafeInteger(layer))) return listed;
  throw new UserError(
    'model',
    `${config.where}: ${name} is ${JSON.stringify(listed)}; expected a list of layers' numbers.`,
  );
}

/** Which layers of Qwen 2 with experts have the window: every other one below `max_window_layers`, or by their types. */
function readQwen2MoeSliding(config: Fields, layers: number, isUsed: boolean): (layer: number) => boolean {
  const last = config.whole('max_window_layers', 28);
  const sliding = readSliding(config, layers, (layer) => isUsed && layer % 2 === 0 && layer < last);
  const any = Array.from({ length: layers }, (_, layer) => sliding(layer)).includes(true);
  if (isUsed || !any) return sliding;
  throw new UserError(
    'model',
    `${config.where}: layer_types has sliding_attention, but use_sliding_window is not true.`,
  );
}
