import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { bertNames, encoderBlock, readEncoder, twoLayerHead } from './encoder.ts';
import type { SequenceClassifier } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * RoBERTa and XLM-R (`RobertaForSequenceClassification`, `XLMRobertaForSequenceClassification`): as BERT, with positions
 * that count from the padding token's number and skip that token, and a head of two layers. Liu et al., arXiv
 * 1907.11692; Conneau et al., arXiv 1911.02116.
 */
export function describeRoberta(config: Fields): SequenceClassifier {
  const table = readSizes(config, { equalHeads: true, maxPositions: 514 });
  const padding = config.whole('pad_token_id', 1);
  const sizes = { ...table, maxPositions: table.maxPositions - padding - 1 };
  if (sizes.maxPositions < 1) {
    throw new UserError(
      'model',
      `${config.where}: ${table.maxPositions} positions, which begin after pad_token_id ${padding}, leave none for a text.`,
    );
  }
  const encoder = readEncoder(config, sizes);
  const { hiddenSize, vocabSize } = sizes;
  const types = config.count('type_vocab_size', 1);
  return {
    trunk: {
      sizes,
      mask: config.flag('is_decoder', false) ? 'causal' : 'full',
      tokenTypes: true,
      rotary: [],
      embed(parts, inputIds) {
        const at = 'roberta.embeddings';
        const words = parts.embedding(`${at}.word_embeddings`, inputIds, [vocabSize, hiddenSize]);
        const typed = parts.add(words, parts.typeEmbedding(`${at}.token_type_embeddings`, [types, hiddenSize]));
        const shape = [table.maxPositions, hiddenSize] as const;
        const placed = parts.positionEmbedding(`${at}.position_embeddings`, shape, padding);
        return encoder.norm(parts, `${at}.LayerNorm`, parts.add(typed, placed));
      },
      block: (parts, layer, hidden) =>
        encoderBlock(parts, layer, hidden, sizes, encoder, bertNames(`roberta.encoder.layer.${layer}`)),
      finalNorm: (_parts, hidden) => hidden,
    },
    head: twoLayerHead(config, sizes, 'tanh'),
  };
}
