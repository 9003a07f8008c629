import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { type Norm, normedSumBlock, readActivation } from './blocks.ts';
import { readLabels } from './labels.ts';
import type { SequenceClassifier } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * BERT (`BertForSequenceClassification`): learned positions and token types, LayerNorm of the embeddings and of every
 * sum; the first token's last state, through a pooler, is what is classified. Devlin et al., arXiv 1810.04805.
 */
export function describeBert(config: Fields): SequenceClassifier {
  const positions = config.text('position_embedding_type', 'absolute');
  if (positions !== 'absolute') {
    throw new UserError('model', `${config.where}: position_embedding_type "${positions}" is not supported.`);
  }
  const sizes = readSizes(config, { maxPositions: 512 });
  const { hiddenSize, vocabSize, maxPositions } = sizes;
  const intermediateSize = config.count('intermediate_size', 4 * hiddenSize);
  const types = config.count('type_vocab_size', 2);
  const activation = readActivation(config, 'hidden_act', 'gelu');
  const epsilon = config.positive('layer_norm_eps', 1e-12);
  const norm: Norm = (parts, name, x) => parts.layerNorm(name, x, hiddenSize, { epsilon });
  const labels = readLabels(config);
  const square = [hiddenSize, hiddenSize] as const;
  return {
    trunk: {
      sizes,
      mask: config.flag('is_decoder', false) ? 'causal' : 'full',
      tokenTypes: true,
      rotary: [],
      embed(parts, inputIds) {
        const at = 'bert.embeddings';
        const words = parts.embedding(`${at}.word_embeddings`, inputIds, [vocabSize, hiddenSize]);
        const typed = parts.add(words, parts.typeEmbedding(`${at}.token_type_embeddings`, [types, hiddenSize]));
        const placed = parts.positionEmbedding(`${at}.position_embeddings`, [maxPositions, hiddenSize]);
        return norm(parts, `${at}.LayerNorm`, parts.add(typed, placed));
      },
      block(parts, layer, hidden) {
        const at = `bert.encoder.layer.${layer}`;
        const norms = {
          attention: (x: string) => norm(parts, `${at}.attention.output.LayerNorm`, x),
          mlp: (x: string) => norm(parts, `${at}.output.LayerNorm`, x),
        };
        return normedSumBlock(parts, layer, hidden, norms, {
          attention(x) {
            const project = (name: string) => parts.linear(`${at}.attention.self.${name}`, x, square, true);
            const projections = { query: project('query'), key: project('key'), value: project('value') };
            return parts.linear(`${at}.attention.output.dense`, parts.attention(layer, projections), square, true);
          },
          mlp(x) {
            const wide = parts.linear(`${at}.intermediate.dense`, x, [intermediateSize, hiddenSize], true);
            return parts.linear(
              `${at}.output.dense`,
              parts.activation(activation, wide),
              [hiddenSize, intermediateSize],
              true,
            );
          },
        });
      },
      finalNorm: (_parts, hidden) => hidden,
    },
    head: {
      ...labels,
      summary: 'first',
      logits(parts, summary) {
        const pooled = parts.activation('tanh', parts.linear('bert.pooler.dense', summary, square, true));
        return parts.linear('classifier', pooled, [labels.labels.length, hiddenSize], true);
      },
    },
  };
}
