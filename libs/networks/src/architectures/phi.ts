import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { parallelBlock, plainMlp, readActivation, readLayerNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Phi 1, 1.5 and 2 (`PhiForCausalLM`): attention and MLP side by side behind one LayerNorm, rotary positions in a part
 * of each head, biases everywhere. Li et al., arXiv 2309.05463.
 */
export function describePhi(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const { hiddenSize, headSize } = sizes;
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('intermediate_size', 8192),
    activation: readActivation(config, 'hidden_act', 'gelu_new'),
    bias: true,
  };
  const epsilon = config.positive('layer_norm_eps', 1e-5);
  const norm = readLayerNorm(config, sizes);
  const hasHeadNorms = config.flag('qk_layernorm', false);
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes, { partialFactor: config.positive('partial_rotary_factor', 0.5) })],
    ...tokenTables(config, sizes, { headBias: true }),
    block(parts, layer, hidden) {
      const at = `model.layers.${layer}`;
      const normed = norm(parts, `${at}.input_layernorm`, hidden);
      return parallelBlock(parts, layer, hidden, {
        attention: () =>
          selfAttention(parts, sizes, layer, `${at}.self_attn`, normed, {
            bias: true,
            outputBias: true,
            output: 'dense',
            normNames: { q: 'q_layernorm', k: 'k_layernorm' },
            ...(hasHeadNorms
              ? { norm: (name, y, heads) => parts.layerNorm(name, parts.splitHeads(y, heads), headSize, { epsilon }) }
              : {}),
          }),
        mlp: () => plainMlp(parts, { up: `${at}.mlp.fc1`, down: `${at}.mlp.fc2` }, normed, mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.final_layernorm', hidden),
  });
}
