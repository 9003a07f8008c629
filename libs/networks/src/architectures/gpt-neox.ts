import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { rotaryOf, rotarySettings } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type MlpForm, parallelBlock, plainMlp, readLayerNorm, readMlp, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * GPT-NeoX (`GPTNeoXForCausalLM`), the architecture of Pythia: LayerNorm, one projection for queries, keys and values,
 * rotary positions in a part of each head, attention and MLP side by side or one after the other.
 * Black et al., arXiv 2204.06745; Biderman et al., arXiv 2304.01373.
 */
export function describeGptNeox(config: Fields): LanguageModel {
  const sizes = readSizes(config, { equalHeads: true });
  const { hiddenSize, vocabSize } = sizes;
  const mlp = readMlp(config, sizes, 'gelu', true);
  const bias = config.flag('attention_bias', true);
  const block = config.flag('use_parallel_residual', true) ? parallelBlock : sequentialBlock;
  const norm = readLayerNorm(config, sizes);
  const embedding = 'gpt_neox.embed_in';
  const head = config.flag('tie_word_embeddings', false) ? embedding : 'embed_out';
  return languageModel({
    sizes,
    rotary: [
      // The class reads head_dim for the part of a head that is rotated, and nowhere else.
      rotaryOf(
        config,
        rotarySettings(config),
        { ...sizes, headSize: config.count('head_dim', sizes.headSize) },
        {
          theta: config.positive('rotary_emb_base', 10000),
          partialFactor: config.positive('rotary_pct', 0.25),
          ofTables: true,
        },
      ),
    ],
    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, [vocabSize, hiddenSize]),
    block(parts, layer, hidden) {
      const at = `gpt_neox.layers.${layer}`;
      return block(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.input_layernorm`, x);
          return neoxAttention(parts, sizes, layer, `${at}.attention`, normed, { bias });
        },
        mlp: (x) => neoxMlp(parts, `${at}.mlp`, norm(parts, `${at}.post_attention_layernorm`, x), mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'gpt_neox.final_layer_norm', hidden),
    logits: (parts, states) => parts.linear(head, states, [vocabSize, hiddenSize], false),
  });
}

/** Attention with one projection, `query_key_value`, whose numbers lie head by head; `dense` is that of the output. */
export function neoxAttention(
  parts: Parts,
  { hiddenSize, heads }: TrunkSizes,
  layer: number,
  name: string,
  x: Value,
  { bias, norm }: { readonly bias: boolean; readonly norm?: ((letter: 'q' | 'k', y: Value) => Value) | null },
): Value {
  const fused = parts.linear(`${name}.query_key_value`, x, [3 * hiddenSize, hiddenSize], bias);
  const [query, key, value] = parts.splitEachHead(fused, heads, 3);
  const place = (letter: 'q' | 'k', y: Value): Value => parts.rotate(norm ? norm(letter, y) : y, heads);
  const attended = parts.attention(layer, { query: place('q', query!), key: place('k', key!), value: value! });
  return parts.linear(`${name}.dense`, attended, [hiddenSize, hiddenSize], bias);
}

export function neoxMlp(parts: Parts, name: string, x: Value, mlp: MlpForm): Value {
  return plainMlp(parts, { up: `${name}.dense_h_to_4h`, down: `${name}.dense_4h_to_h` }, x, mlp);
}
