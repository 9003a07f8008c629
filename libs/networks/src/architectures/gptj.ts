import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { plainRotary } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { headWithBias, parallelBlock, plainMlp, readActivation, readLayerNorm, selfAttention } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * GPT-J (`GPTJForCausalLM`): attention and MLP side by side behind one LayerNorm, rotary positions of neighbouring
 * numbers in a part of each head. Wang and Komatsuzaki, GPT-J-6B, 2021.
 */
export function describeGptj(config: Fields): LanguageModel {
  return gptjModel(config, (parts, sizes, layer, name, x) =>
    selfAttention(parts, sizes, layer, name, x, { bias: false, outputBias: false, output: 'out_proj' }),
  );
}

/** As many devices trained CodeGen; each has its part of queries, then of values, then of keys. */
const DEVICES = 4;

/**
 * CodeGen (`CodeGenForCausalLM`): as GPT-J, with one projection for queries, values and keys. Nijkamp et al.,
 * arXiv 2203.13474.
 */
export function describeCodeGen(config: Fields): LanguageModel {
  return gptjModel(config, (parts, sizes, layer, name, x) => {
    const { hiddenSize, heads } = sizes;
    if (hiddenSize % DEVICES !== 0) {
      throw new UserError('model', `${config.where}: n_embd is ${hiddenSize}; expected a multiple of ${DEVICES}.`);
    }
    const part = hiddenSize / DEVICES;
    const fused = parts.linear(`${name}.qkv_proj`, x, [3 * hiddenSize, hiddenSize], false);
    const [query, value, key] = parts.splitGroups(fused, DEVICES, [part, part, part]);
    const projections = { query: parts.rotate(query!, heads), key: parts.rotate(key!, heads), value: value! };
    const attended = parts.attention(layer, projections);
    return parts.linear(`${name}.out_proj`, attended, [hiddenSize, hiddenSize], false);
  });
}

function gptjModel(
  config: Fields,
  attention: (parts: Parts, sizes: TrunkSizes, layer: number, name: string, x: Value) => Value,
): LanguageModel {
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
      return parallelBlock(parts, layer, hidden, {
        attention: () => attention(parts, sizes, layer, `${at}.attn`, normed),
        mlp: () => plainMlp(parts, { up: `${at}.mlp.fc_in`, down: `${at}.mlp.fc_out` }, normed, mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: headWithBias(config, 'transformer.wte', tokens),
  });
}
