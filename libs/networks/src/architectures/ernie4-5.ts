import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { withMixtures } from './experts.ts';
import { type LlamaForm, preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * ERNIE 4.5 without experts (`Ernie4_5ForCausalLM`): as Llama, with rotary positions of neighbouring numbers. Baidu,
 * ERNIE 4.5 Technical Report, 2025.
 */
export function describeErnie45(config: Fields): LanguageModel {
  const sizes = readSizes(config, { headSize: 128, maxPositions: 131072 });
  const bias = config.flag('use_bias', false);
  const mlp = readGatedMlp(config, sizes, bias);
  return ernie(config, { sizes, mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp) }, bias);
}

/**
 * ERNIE 4.5 with experts (`Ernie4_5_MoeForCausalLM`): the same with experts in some blocks, chosen by softmax with a bias
 * that corrects the choice alone, and an MLP beside them for all tokens.
 */
export function describeErnie45Moe(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 131072 });
  const bias = config.flag('use_bias', false);
  const mlp = readGatedMlp(config, sizes, bias);
  const own = { ...mlp, intermediateSize: config.count('moe_intermediate_size', 1536), bias: false };
  const sharedCount = config.whole('moe_num_shared_experts', 2);
  const shared = { ...own, intermediateSize: sharedCount * own.intermediateSize, bias };
  const experts = config.count('moe_num_experts', 64);
  const routing = {
    experts,
    chosen: config.count('moe_k', 6),
    normed: true,
    leastSum: config.positive('moe_norm_min', 1e-12),
  };
  const mixtures = withMixtures(config, sizes, {
    routing,
    own,
    dense: { mlp, isIn: readDense(config, sizes.layers) },
    correction: (parts, name) => parts.row(`${name}.moe_statics.e_score_correction_bias`, experts),
    ...(sharedCount > 0 && { beside: (parts, name, x) => gatedMlp(parts, `${name}.shared_experts`, x, shared) }),
  });
  return ernie(config, { ...mixtures, headBias: bias }, bias);
}

/** Every so many blocks one has experts, from a first to a last one. */
function readDense(config: Fields, layers: number): (layer: number) => boolean {
  const every = config.count('moe_layer_interval', 1);
  const first = config.whole('moe_layer_start_index', 1);
  const last = config.integer('moe_layer_end_index', -1);
  const end = last === -1 ? layers - 1 : last;
  return (layer) => (layer + 1) % every !== 0 || layer < first || layer > end;
}

function ernie(config: Fields, trunk: Pick<LlamaForm, 'sizes' | 'mlp' | 'headBias'>, bias: boolean): LanguageModel {
  const { sizes } = trunk;
  return preNormModel(config, {
    ...trunk,
    rotary: { ...readRotary(config, sizes, { theta: 500_000 }), interleaved: true },
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: () => ({ bias, outputBias: bias }),
    tied: true,
  });
}
