import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, type Norm, readGatedMlp } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * OLMo (`OlmoForCausalLM`): as Llama, with LayerNorm without weight or bias, and queries, keys and values that may be
 * clipped. Groeneveld et al., arXiv 2402.00838.
 */
export function describeOlmo(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const clip = config.has('clip_qkv') ? config.positive('clip_qkv') : null;
  const mlp = readGatedMlp(config, sizes);
  const norm: Norm = (parts, _, x) => parts.layerNorm(null, x, sizes.hiddenSize, { epsilon: 1e-5 });
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: () => ({ bias, outputBias: bias, clip }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}
