import type { Fields } from '@sonde/checkpoints';
import { bertNames, encoderBlock, readEncoder } from './encoder.ts';
import { readLabels } from './labels.ts';
import type { SequenceClassifier } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * BERT (`BertForSequenceClassification`): learned positions and token types, LayerNorm of the embeddings and of every
 * sum; the first token's last state, through a pooler, is what is classified. Devlin et al., arXiv 1810.04805.
 */
export function describeBert(config: Fields): SequenceClassifier {
  const sizes = readSizes(config, { equalHeads: true, maxPositions: 512 });
  const encoder = readEncoder(config, sizes);
  const { hiddenSize, vocabSize, maxPositions } = sizes;
  const types = config.count('type_vocab_size', 2);
  const labels = readLabels(config);
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
        return encoder.norm(parts, `${at}.LayerNorm`, parts.add(typed, placed));
      },
      block: (parts, layer, hidden) =>
        encoderBlock(parts, layer, hidden, sizes, encoder, bertNames(`bert.encoder.layer.${layer}`)),
      finalNorm: (_parts, hidden) => hidden,
    },
    head: {
      ...labels,
      summary: 'first',
      logits(parts, summary) {
        const pooled = parts.linear('bert.pooler.dense', summary, [hiddenSize, hiddenSize], true);
        return parts.linear('classifier', parts.activation('tanh', pooled), [labels.labels.length, hiddenSize], true);
      },
    },
  };
}
