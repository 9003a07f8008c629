import { readRotary } from '../rotary.ts';
import type { DescribeDecoder } from './architecture.ts';
import { gatedMlp, type Norm, preNormBlock, readGatedMlp, selfAttention, tokenTables } from './blocks.ts';
import { readSizes } from './sizes.ts';

/**
 * OLMo (`OlmoForCausalLM`): as Llama, with LayerNorm without weight or bias, and queries, keys and values that may be
 * clipped. Groeneveld et al., arXiv 2402.00838.
 */
export const describeOlmo: DescribeDecoder = (config) => {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const clip = config.has('clip_qkv') ? config.positive('clip_qkv') : null;
  const mlp = readGatedMlp(config, sizes);
  const norm: Norm = (parts, _, x) => parts.layerNorm(null, x, sizes.hiddenSize, { epsilon: 1e-5 });
  return {
    sizes,
    rotary: [readRotary(config, sizes)],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: bias, clip }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  };
};
