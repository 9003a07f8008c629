import type { Fields } from '@sonde/checkpoints';
import { plainRotary } from '../rotary.ts';
import { parallelBlock, plainMlp, readActivation, readLayerNorm, selfAttention } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { refuseTied } from './phi.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * GPT-J (`GPTJForCausalLM`): attention and MLP side by side behind one LayerNorm, rotary positions of neighbouring
 * numbers in a part of each head. Wang and Komatsuzaki, GPT-J-6B, 2021.
 */
export function describeGptj(config: Fields): LanguageModel {
  refuseTied(config);
  const hiddenSize = config.count('n_embd', 4096);
  const heads = config.count('n_head', 16);
  const sizes = {
    layers: config.count('n_layer', 28),
    hiddenSize,
    vocabSize: config.count('vocab_size', 50400),
    maxPositions: config.count('n_positions', 2048),
    heads,
    keyValueHeads: heads,
    headSize: headSizeOf(config, hiddenSize, heads),
    window: null,
  };
  const tokens = [sizes.vocabSize, hiddenSize] as const;
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('n_inner', 4 * hiddenSize),
    activation: readActivation(config, 'activation_function', 'gelu_new'),
    bias: true,
  };
  const norm = readLayerNorm(config, sizes, { field: 'layer_norm_epsilon' });
  return languageModel({
    sizes,
    rotary: [{ ...plainRotary(10000, config.count('rotary_dim', 64)), interleaved: true }],
    embed: (parts, inputIds) => parts.embedding('transformer.wte', inputIds, tokens),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      const normed = norm(parts, `${at}.ln_1`, hidden);
      const attention = { bias: false, outputBias: false, output: 'out_proj' };
      return parallelBlock(parts, layer, hidden, {
        attention: () => selfAttention(parts, sizes, layer, `${at}.attn`, normed, attention),
        mlp: () => plainMlp(parts, { up: `${at}.mlp.fc_in`, down: `${at}.mlp.fc_out` }, normed, mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: (parts, states) => parts.linear('lm_head', states, tokens, true),
  });
}
