import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Activation } from '../graph/activations.ts';
import type { Parts } from '../graph/parts.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type Norm, normedSumBlock, readActivation } from './blocks.ts';
import { readLabels } from './labels.ts';
import type { Classifier } from './network.ts';

/** What BERT and its kin share: LayerNorm of every sum, biases everywhere, an MLP of two layers. */
export interface EncoderParts {
  readonly norm: Norm;
  readonly activation: Activation;
  readonly intermediateSize: number;
}

export function readEncoder(config: Fields, { hiddenSize }: TrunkSizes, epsilon = 1e-12): EncoderParts {
  const positions = config.text('position_embedding_type', 'absolute');
  if (positions !== 'absolute') {
    throw new UserError('model', `${config.where}: position_embedding_type "${positions}" is not supported.`);
  }
  const options = { epsilon: config.positive('layer_norm_eps', epsilon) };
  return {
    norm: (parts, name, x) => parts.layerNorm(name, x, hiddenSize, options),
    activation: readActivation(config, 'hidden_act', 'gelu'),
    intermediateSize: config.count('intermediate_size', 4 * hiddenSize),
  };
}

/** The names of one block's weights. */
export interface BlockNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly wide: string;
  readonly narrow: string;
  readonly norm: string;
}

/** BERT's names of the weights of the block `at`. */
export function bertNames(at: string, projection = (letter: 'query' | 'key' | 'value'): string => letter): BlockNames {
  const self = (letter: 'query' | 'key' | 'value') => `${at}.attention.self.${projection(letter)}`;
  return {
    query: self('query'),
    key: self('key'),
    value: self('value'),
    attentionOutput: `${at}.attention.output.dense`,
    attentionNorm: `${at}.attention.output.LayerNorm`,
    wide: `${at}.intermediate.dense`,
    narrow: `${at}.output.dense`,
    norm: `${at}.output.LayerNorm`,
  };
}

type Attend = (projections: Readonly<Record<'query' | 'key' | 'value', Value>>) => Value;

/** A block of BERT's form. @param attend other attention than the usual, where it is */
export function encoderBlock(
  parts: Parts,
  layer: number,
  hidden: Value,
  { hiddenSize }: TrunkSizes,
  { norm, activation, intermediateSize }: EncoderParts,
  names: BlockNames,
  attend: Attend = (projections) => parts.attention(layer, projections),
): Value {
  const square = [hiddenSize, hiddenSize] as const;
  const norms = {
    attention: (x: Value) => norm(parts, names.attentionNorm, x),
    mlp: (x: Value) => norm(parts, names.norm, x),
  };
  return normedSumBlock(parts, layer, hidden, norms, {
    attention(x) {
      const project = (name: string) => parts.linear(name, x, square, true);
      const attended = attend({ query: project(names.query), key: project(names.key), value: project(names.value) });
      return parts.linear(names.attentionOutput, attended, square, true);
    },
    mlp(x) {
      const wide = parts.activation(activation, parts.linear(names.wide, x, [intermediateSize, hiddenSize], true));
      return parts.linear(names.narrow, wide, [hiddenSize, intermediateSize], true);
    },
  });
}

/** RoBERTa's and ELECTRA's head: the first token's last state through a layer of its own, then the labels. */
export function twoLayerHead(config: Fields, { hiddenSize }: TrunkSizes, activation: Activation): Classifier {
  const labels = readLabels(config);
  return {
    ...labels,
    summary: 'first',
    logits(parts, summary) {
      const dense = parts.linear('classifier.dense', summary, [hiddenSize, hiddenSize], true);
      const shape = [labels.labels.length, hiddenSize] as const;
      return parts.linear('classifier.out_proj', parts.activation(activation, dense), shape, true);
    },
  };
}
