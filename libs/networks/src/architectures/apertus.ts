import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { readRotary } from '../rotary.ts';
import { headRmsNorm, plainMlp, readMlp, readRmsNorm, selfAttention, sequentialBlock, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/** What holds where config.json has no settings of rotary positions. */
const ROTARY = {
  rope_type: 'llama3',
  rope_theta: 12_000_000,
  factor: 8,
  original_max_position_embeddings: 8192,
  low_freq_factor: 1,
  high_freq_factor: 4,
};

/**
 * Apertus (`ApertusForCausalLM`): as Llama, with a norm of each query and key head, and an MLP without a gate whose
 * activation has learned parameters. Project Apertus, arXiv 2509.14233.
 */
export function describeApertus(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 65536 });
  const { hiddenSize } = sizes;
  const bias = config.flag('attention_bias', false);
  const intermediateSize = config.count('intermediate_size');
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  const norm = readRmsNorm(config, sizes, 1e-5);
  const plain = config.text('hidden_act', 'xielu') === 'xielu' ? null : readMlp(config, sizes, 'silu');
  const learnedMlp = (parts: Parts, name: string, x: Value): Value => {
    const wide = parts.linear(`${name}.up_proj`, x, [intermediateSize, hiddenSize], false);
    const activated = parts.xielu(`${name}.act_fn`, wide);
    return parts.linear(`${name}.down_proj`, activated, [hiddenSize, intermediateSize], false);
  };
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes, { theta: ROTARY.rope_theta, usual: ROTARY })],
    ...tokenTables(config, sizes),
    block(parts, layer, hidden) {
      const at = `model.layers.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention: (x) =>
          selfAttention(parts, sizes, layer, `${at}.self_attn`, norm(parts, `${at}.attention_layernorm`, x), {
            bias,
            outputBias: bias,
            norm: headRmsNorm(parts, sizes, epsilon),
          }),
        mlp(x) {
          const normed = norm(parts, `${at}.feedforward_layernorm`, x);
          if (plain === null) return learnedMlp(parts, `${at}.mlp`, normed);
          return plainMlp(parts, { up: `${at}.mlp.up_proj`, down: `${at}.mlp.down_proj` }, normed, plain);
        },
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
