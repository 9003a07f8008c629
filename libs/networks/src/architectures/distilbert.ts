import type { Fields } from '@sonde/checkpoints';
import type { TrunkSizes } from '../sizes.ts';
import { readActivation } from './blocks.ts';
import { type BlockNames, type EncoderParts, encoderBlock } from './encoder.ts';
import { readLabels } from './labels.ts';
import type { SequenceClassifier } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

const EPSILON = 1e-12;

/**
 * DistilBERT (`DistilBertForSequenceClassification`): as BERT, without token types and with a layer of its own before the
 * labels in the pooler's place. Sanh et al., arXiv 1910.01108.
 */
export function describeDistilBert(config: Fields): SequenceClassifier {
  const sizes = readDistilBertSizes(config);
  const { hiddenSize, vocabSize, maxPositions } = sizes;
  const encoder: EncoderParts = {
    norm: (parts, name, x) => parts.layerNorm(name, x, hiddenSize, { epsilon: EPSILON }),
    activation: readActivation(config, 'activation', 'gelu'),
    intermediateSize: config.count('hidden_dim', 4 * hiddenSize),
  };
  const labels = readLabels(config);
  return {
    trunk: {
      sizes,
      mask: 'full',
      tokenTypes: false,
      rotary: [],
      embed(parts, inputIds) {
        const at = 'distilbert.embeddings';
        const words = parts.embedding(`${at}.word_embeddings`, inputIds, [vocabSize, hiddenSize]);
        const placed = parts.positionEmbedding(`${at}.position_embeddings`, [maxPositions, hiddenSize]);
        return encoder.norm(parts, `${at}.LayerNorm`, parts.add(words, placed));
      },
      block: (parts, layer, hidden) => encoderBlock(parts, layer, hidden, sizes, encoder, namesOf(layer)),
      finalNorm: (_parts, hidden) => hidden,
    },
    head: {
      ...labels,
      summary: 'first',
      logits(parts, summary) {
        const dense = parts.linear('pre_classifier', summary, [hiddenSize, hiddenSize], true);
        return parts.linear('classifier', parts.activation('relu', dense), [labels.labels.length, hiddenSize], true);
      },
    },
  };
}

function readDistilBertSizes(config: Fields): TrunkSizes {
  const hiddenSize = config.count('dim', 768);
  const heads = config.count('n_heads', 12);
  return {
    layers: config.count('n_layers', 6),
    hiddenSize,
    vocabSize: config.count('vocab_size', 30522),
    maxPositions: config.count('max_position_embeddings', 512),
    heads,
    keyValueHeads: heads,
    headSize: headSizeOf(config, hiddenSize, heads),
    window: null,
  };
}

function namesOf(layer: number): BlockNames {
  const at = `distilbert.transformer.layer.${layer}`;
  return {
    query: `${at}.attention.q_lin`,
    key: `${at}.attention.k_lin`,
    value: `${at}.attention.v_lin`,
    attentionOutput: `${at}.attention.out_lin`,
    attentionNorm: `${at}.sa_layer_norm`,
    wide: `${at}.ffn.lin1`,
    narrow: `${at}.ffn.lin2`,
    norm: `${at}.output_layer_norm`,
  };
}
