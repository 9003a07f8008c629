import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { readActivation } from './blocks.ts';
import { bertNames, encoderBlock, readEncoder } from './encoder.ts';
import { readLabels } from './labels.ts';
import type { SequenceClassifier } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * DeBERTa v2 and v3 (`DebertaV2ForSequenceClassification`): as BERT, with attention also to how far tokens are apart: from
 * what a token is to a distance, and from a distance to what a token is; v2 with a convolution over tokens. He et al., arXiv 2006.03654 and 2111.09543.
 */
export function describeDebertaV2(config: Fields): SequenceClassifier {
  const sizes = readSizes(config, { equalHeads: true, maxPositions: 512 });
  const encoder = readEncoder(config, sizes, 1e-7);
  const { hiddenSize, vocabSize, maxPositions, headSize } = sizes;
  const embeddingSize = config.count('embedding_size', hiddenSize);
  const types = config.whole('type_vocab_size', 0);
  const absolute = config.flag('position_biased_input', true);
  const distances = readDistances(config, maxPositions);
  const convolution = readConvolution(config, hiddenSize);
  const poolerActivation = readActivation(config, 'pooler_hidden_act', 'gelu');
  const labels = readLabels(config);
  const square = [hiddenSize, hiddenSize] as const;
  return {
    trunk: {
      sizes,
      mask: 'full',
      tokenTypes: types > 0,
      rotary: [],
      embed(parts, inputIds) {
        const at = 'deberta.embeddings';
        let sum = parts.embedding(`${at}.word_embeddings`, inputIds, [vocabSize, embeddingSize]);
        if (absolute) {
          sum = parts.add(sum, parts.positionEmbedding(`${at}.position_embeddings`, [maxPositions, embeddingSize]));
        }
        if (types > 0) sum = parts.add(sum, parts.typeEmbedding(`${at}.token_type_embeddings`, [types, embeddingSize]));
        if (embeddingSize !== hiddenSize) {
          sum = parts.linear(`${at}.embed_proj`, sum, [hiddenSize, embeddingSize], false);
        }
        return encoder.norm(parts, `${at}.LayerNorm`, sum);
      },
      block(parts, layer, hidden) {
        const made = attending(parts, layer, hidden);
        if (!convolution || layer > 0) return made;
        const at = 'deberta.encoder.conv';
        const near = parts.activation(convolution.activation, parts.convolution(`${at}.conv`, hidden, convolution));
        return encoder.norm(parts, `${at}.LayerNorm`, parts.add(made, near));
      },
      finalNorm: (_parts, hidden) => hidden,
    },
    head: {
      ...labels,
      summary: 'first',
      logits(parts, summary) {
        const pooled = parts.activation(poolerActivation, parts.linear('pooler.dense', summary, square, true));
        return parts.linear('classifier', pooled, [labels.labels.length, hiddenSize], true);
      },
    },
  };

  function attending(parts: Parts, layer: number, hidden: Value): Value {
    const at = `deberta.encoder.layer.${layer}`;
    const names = bertNames(at, (letter) => `${letter}_proj`);
    if (!distances) return encoderBlock(parts, layer, hidden, sizes, encoder, names);
    const { span, fromContent, fromDistance, shared, normed, rowOf } = distances;
    const scale = 1 / Math.sqrt(headSize * (1 + Number(fromContent) + Number(fromDistance)));
    const table = parts.table('deberta.encoder.rel_embeddings', [2 * span, hiddenSize]);
    const rows = normed ? encoder.norm(parts, 'deberta.encoder.LayerNorm', table) : table;
    const project = (own: string, same: string) =>
      parts.linear(shared ? same : `${at}.attention.self.${own}`, rows, square, true);
    const tables = {
      keys: fromContent ? project('pos_key_proj', names.key) : null,
      queries: fromDistance ? project('pos_query_proj', names.query) : null,
      rowOf,
    };
    return encoderBlock(parts, layer, hidden, sizes, encoder, names, (projections) => {
      const added = parts.distanceScores(projections, tables, scale);
      return parts.attention(layer, projections, { scale, added });
    });
  }
}

/** Of v2: a convolution over tokens, of what the first block is given, is added to what it gives. Null where there is none. */
function readConvolution(config: Fields, size: number) {
  const width = config.has('conv_kernel_size') ? config.whole('conv_kernel_size', 0) : 0;
  if (width === 0) return null;
  if (width % 2 === 0) {
    throw new UserError(
      'model',
      `${config.where}: conv_kernel_size ${width} is even; a token is the middle of its own.`,
    );
  }
  const groups = config.count('conv_groups', 1);
  if (size % groups !== 0) {
    throw new UserError('model', `${config.where}: conv_groups ${groups} do not divide hidden_size ${size}.`);
  }
  return { size, width, groups, activation: readActivation(config, 'conv_act', 'tanh') };
}

/** How distances enter attention. */
interface Distances {
  /** The rows of the table of distances are so many for what comes before, and as many for what comes after. */
  readonly span: number;
  readonly fromContent: boolean;
  readonly fromDistance: boolean;
  /** Whether distances are projected as words are. */
  readonly shared: boolean;
  readonly normed: boolean;
  /** [2 · maxPositions − 1] the table's row of each distance, from the furthest before on. */
  readonly rowOf: readonly number[];
}

/** Null where attention knows no distances. */
function readDistances(config: Fields, maxPositions: number): Distances | null {
  if (!config.flag('relative_attention', false)) return null;
  const kinds = config.texts('pos_att_type');
  const strange = kinds.find((kind) => kind !== 'c2p' && kind !== 'p2c');
  if (strange !== undefined) {
    throw new UserError('model', `${config.where}: pos_att_type "${strange}" is not supported; supported: c2p, p2c.`);
  }
  const buckets = config.integer('position_buckets', -1);
  const named = config.integer('max_relative_positions', -1);
  const furthest = named > 0 ? named : maxPositions;
  const span = buckets > 0 ? buckets : furthest;
  const bucket = buckets > 0 ? logBucket(buckets, furthest) : (distance: number) => distance;
  const rowOf = Array.from({ length: 2 * maxPositions - 1 }, (_, i) =>
    Math.min(Math.max(bucket(i - maxPositions + 1) + span, 0), 2 * span - 1),
  );
  return {
    span,
    fromContent: kinds.includes('c2p'),
    fromDistance: kinds.includes('p2c'),
    shared: config.flag('share_att_key', false),
    normed: config.text('norm_rel_ebd', 'none').split('|').includes('layer_norm'),
    rowOf,
  };
}

/** Near distances are themselves, further ones share buckets whose widths grow; in float32, as transformers has it. */
function logBucket(buckets: number, furthest: number): (distance: number) => number {
  const { fround } = Math;
  const middle = Math.floor(buckets / 2);
  const whole = fround(Math.log(fround((furthest - 1) / middle)));
  return (distance) => {
    const size = Math.abs(distance);
    if (size <= middle) return distance;
    const share = fround(fround(Math.log(fround(size / middle))) / whole);
    return Math.sign(distance) * (Math.ceil(fround(share * (middle - 1))) + middle);
  };
}
