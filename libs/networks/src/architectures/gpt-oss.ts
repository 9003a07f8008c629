import { type Fields, fieldsOf } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { rotaryOf, rotarySettings } from '../rotary.ts';
import { preNormBlock, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { checkChosen, withExperts } from './experts.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/** What the class takes where config.json says nothing of positions. */
const USUAL_ROTARY = {
  rope_type: 'yarn',
  factor: 32,
  beta_fast: 32,
  beta_slow: 1,
  truncate: false,
  original_max_position_embeddings: 4096,
};

/**
 * gpt-oss (`GptOssForCausalLM`): a sink in each head's softmax, a sliding window in every other layer, experts with a
 * clamped SwiGLU in place of each MLP, in MXFP4 or not. OpenAI, arXiv 2508.10925.
 */
export function describeGptOss(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 128);
  const own = readSizes(config, { headSize: 64, maxPositions: 131072, window });
  const { hiddenSize, heads, layers } = own;
  const sliding = readSliding(config, layers, (layer) => layer % 2 === 0);
  const bias = config.flag('attention_bias', true);
  const intermediateSize = config.count('intermediate_size', 2880);
  const experts = config.count('num_local_experts', 128);
  const routing = { experts, chosen: config.count('num_experts_per_tok', 4), normed: true };
  checkChosen(config, routing);
  const alpha = config.positive('swiglu_alpha', 1.702);
  const limit = config.positive('swiglu_limit', 7);
  const norm = readRmsNorm(config, own, 1e-5);
  const settings = rotarySettings(config) ?? fieldsOf(USUAL_ROTARY, config.where);
  const theta = config.positive('rope_theta', 150_000);

  const expert = (parts: Parts, name: string, part: number, x: Value): Value => {
    const piece = { part, of: experts };
    const both = parts.stackedConv1d(`${name}.gate_up_proj`, x, [2 * intermediateSize, hiddenSize], piece);
    const [gate, up] = parts.splitGroups(both, intermediateSize, [1, 1]);
    const [low, near] = [parts.atMost(gate!, limit), parts.clip(up!, limit)];
    const glu = parts.multiply(low, parts.activation('sigmoid', parts.scale(low, alpha)));
    const gated = parts.add(parts.multiply(near, glu), glu);
    return parts.stackedConv1d(`${name}.down_proj`, gated, [hiddenSize, intermediateSize], piece);
  };
  return languageModel({
    sizes: withExperts(own, experts),
    rotary: [rotaryOf(config, settings, own, { theta })],
    ...tokenTables(config, own),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, own, layer, name, x, {
            bias,
            outputBias: bias,
            sliding: window !== null && sliding(layer),
            sinks: parts.vector(`${name}.sinks`, heads),
          }),
        mlp(name, x) {
          const logits = parts.router(`${name}.router`, x, [experts, hiddenSize], true);
          return parts.mixture(layer, x, logits, routing, (inner, number, rows) =>
            expert(inner, `${name}.experts`, number, rows),
          );
        },
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
