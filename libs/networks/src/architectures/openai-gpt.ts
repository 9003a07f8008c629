import type { Fields } from '@sonde/checkpoints';
import type { ACTIVATION_NAMES } from '../graph/activations.ts';
import { normedSumBlock, readLayerNorm } from './blocks.ts';
import { conv1dAttention, conv1dMlp } from './gpt2.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/** What the class understands by these names. */
const OWN = { gelu: 'gelu_new', relu: 'relu', silu: 'silu', swish: 'silu' } as const satisfies Record<
  string,
  (typeof ACTIVATION_NAMES)[number]
>;

/**
 * GPT (`OpenAIGPTLMHeadModel`): learned positions, norms of the sums, weights stored transposed. Radford et al., Improving
 * Language Understanding by Generative Pre-Training, 2018.
 */
export function describeOpenAiGpt(config: Fields): LanguageModel {
  const hiddenSize = config.count('n_embd', 768);
  const heads = config.count('n_head', 12);
  const vocabSize = config.count('vocab_size', 40478);
  const maxPositions = config.count('n_positions', 512);
  const intermediateSize = 4 * hiddenSize;
  const activation = OWN[config.oneOf('afn', Object.keys(OWN) as (keyof typeof OWN)[], 'gelu')];
  const sizes = {
    layers: config.count('n_layer', 12),
    hiddenSize,
    vocabSize,
    maxPositions,
    heads,
    keyValueHeads: heads,
    headSize: headSizeOf(config, hiddenSize, heads),
    window: null,
  };
  const norm = readLayerNorm(config, sizes, { field: 'layer_norm_epsilon' });
  const embedding = 'transformer.tokens_embed';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes,
    rotary: [],
    embed: (parts, inputIds) =>
      parts.add(
        parts.embedding(embedding, inputIds, [vocabSize, hiddenSize]),
        parts.positionEmbedding('transformer.positions_embed', [maxPositions, hiddenSize]),
      ),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      const norms = {
        attention: (x: string) => norm(parts, `${at}.ln_1`, x),
        mlp: (x: string) => norm(parts, `${at}.ln_2`, x),
      };
      const after = normedSumBlock(parts, layer, hidden, norms, {
        attention: (x) => conv1dAttention(parts, layer, `${at}.attn`, x, hiddenSize),
        mlp: (x) => conv1dMlp(parts, `${at}.mlp`, x, { hiddenSize, intermediateSize, activation }),
      });
      return parts.gateBlock(layer, hidden, after);
    },
    finalNorm: (_, hidden) => hidden,
    logits: (parts, states) => parts.linear(head, states, [vocabSize, hiddenSize], false),
  });
}
