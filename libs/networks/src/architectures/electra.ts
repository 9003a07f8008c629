import type { Fields } from '@sonde/checkpoints';
import { bertNames, encoderBlock, readEncoder, twoLayerHead } from './encoder.ts';
import type { SequenceClassifier } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * ELECTRA (`ElectraForSequenceClassification`): as BERT, with embeddings of a size of their own and a head of two layers.
 * Clark et al., arXiv 2003.10555.
 */
export function describeElectra(config: Fields): SequenceClassifier {
  const sizes = readSizes(config, { equalHeads: true, maxPositions: 512 });
  const encoder = readEncoder(config, sizes);
  const { hiddenSize, vocabSize, maxPositions } = sizes;
  const embeddingSize = config.count('embedding_size', 128);
  const epsilon = config.positive('layer_norm_eps', 1e-12);
  const types = config.count('type_vocab_size', 2);
  return {
    trunk: {
      sizes,
      mask: config.flag('is_decoder', false) ? 'causal' : 'full',
      tokenTypes: true,
      rotary: [],
      embed(parts, inputIds) {
        const at = 'electra.embeddings';
        const words = parts.embedding(`${at}.word_embeddings`, inputIds, [vocabSize, embeddingSize]);
        const typed = parts.add(words, parts.typeEmbedding(`${at}.token_type_embeddings`, [types, embeddingSize]));
        const placed = parts.positionEmbedding(`${at}.position_embeddings`, [maxPositions, embeddingSize]);
        const normed = parts.layerNorm(`${at}.LayerNorm`, parts.add(typed, placed), embeddingSize, { epsilon });
        if (embeddingSize === hiddenSize) return normed;
        return parts.linear('electra.embeddings_project', normed, [hiddenSize, embeddingSize], true);
      },
      block: (parts, layer, hidden) =>
        encoderBlock(parts, layer, hidden, sizes, encoder, bertNames(`electra.encoder.layer.${layer}`)),
      finalNorm: (_parts, hidden) => hidden,
    },
    head: twoLayerHead(config, sizes, 'gelu'),
  };
}
