import { buildGraph, type Graph, type Value } from '@sonde/onnx';
import type { Decoder } from '../architectures/architecture.ts';
import type { Features } from '../sites.ts';
import { shapeInputs } from './attention.ts';
import { addDraw } from './draw.ts';
import { declareEdits } from './edits.ts';
import { addLoop, LOOP_ROUNDS } from './loop-graph.ts';
import type { TransposedProduct } from './products.ts';
import { poolMaxima, poolSums, traceDecoder } from './trace.ts';
import { placeWeights, type WeightSource } from './weights.ts';

/**
 * How decoding goes on after the prompts were read. `steps`: a run for each token, with the cache outside the graph.
 * `loop`: the same graph with all steps in a `Loop` behind it, and the cache inside.
 */
export type DecodingForm = 'steps' | 'loop';

/** What a graph looks like, for whoever executes it. */
export interface GraphForm {
  readonly decoding: DecodingForm;
  readonly product: TransposedProduct;
}

/**
 * The whole graph of a decoder. One graph serves pre-fill, steps and teacher forcing: a run has B prompts, K sequences
 * of each, T new tokens a sequence, and R rows of the head; every part may be empty. What each input and output means
 * is said by the engine, which feeds it.
 */
export function decoderGraph(
  decoder: Decoder,
  source: WeightSource,
  features: Features,
  { decoding, product }: GraphForm,
): { graph: Graph; parameters: number } {
  const { layers, vocabSize, keyValueHeads, headSize } = decoder.sizes;
  const graph = buildGraph('decoder');
  const caches = (prefix: string, kind: string, dims: readonly (string | number)[]): Value[] =>
    Array.from({ length: layers }, (_, layer) => graph.input(`${prefix}.${layer}.${kind}`, 'float32', dims));
  const gates = (name: string): Value[] => {
    const input = graph.input(name, 'float32', [layers]);
    return graph.nodes(layers, 'Split', [input], { axis: 0, num_outputs: layers });
  };

  const inputIds = graph.input('input_ids', 'int32', ['tokens']);
  const promptCache = ['B', keyValueHeads, 'P', headSize];
  const rowCache = ['B', keyValueHeads, 'K', 'S', headSize];
  const maskShape = ['mB', 1, 1, 'mT', 'P+S+T'];
  const { rowShape, ...shapes } = shapeInputs(graph);
  const weights = placeWeights(graph, source);
  declareEdits(graph, decoder.sizes, features);
  /** What every form of run shares. */
  const common = {
    rotary: decoder.rotary.map(({ inverseFrequencies: { length: pairs } }, i) => ({
      cos: graph.input(`cos.${i}`, 'float32', ['positions', pairs]),
      sin: graph.input(`sin.${i}`, 'float32', ['positions', pairs]),
      pairs,
    })),
    attentionGates: gates('attention_gates'),
    mlpGates: gates('mlp_gates'),
  };
  const { parts, normed, states, layout } = traceDecoder(graph, decoder, weights, features, inputIds, {
    ...common,
    rowShape,
    positionIds: graph.input('position_ids', 'int64', ['rows', 'T']),
    attention: {
      ...shapes,
      product,
      lengths: graph.input('lengths', 'int64', [3]),
      mask: graph.input('attention_mask', 'float32', maskShape),
      slidingMask: decoder.sizes.window === null ? null : graph.input('sliding_mask', 'float32', maskShape),
      promptKeys: caches('prompt', 'key', promptCache),
      promptValues: caches('prompt', 'value', promptCache),
      rowKeys: caches('past', 'key', rowCache),
      rowValues: caches('past', 'value', rowCache),
      keep(layer, keys, values) {
        graph.output(`present.${layer}.key`, keys, 'float32');
        graph.output(`present.${layer}.value`, values, 'float32');
        return { keys: `present.${layer}.key`, values: `present.${layer}.value` };
      },
    },
  });

  const perRow = states.map((state) => graph.node('Reshape', [state, rowShape]));
  const summed = poolSums(graph, perRow, {
    weights: graph.input('pool_weights', 'float32', ['rows', 'Q', 'T']),
    keep: graph.input('pool_keep', 'float32', ['rows', 'Q', 1]),
    before: graph.input('pool_in', 'float32', ['rows', 'Q', layout.size]),
  });
  graph.output('pool_out', summed, 'float32');
  if (features.maximum) {
    const bias = graph.input('maximum_bias', 'float32', ['rows', 'T', 1]);
    const before = graph.input('maximum_in', 'float32', ['rows', layout.size]);
    graph.output('maximum_out', poolMaxima(graph, perRow, bias, before), 'float32');
  }

  const headRows = graph.node('Gather', [normed, graph.input('head_rows', 'int32', ['R'])], { axis: 0 });
  // Named as an output before it is used: an Identity would copy it at every step.
  graph.output('logits', decoder.head(parts, headRows), 'float32', ['R', vocabSize]);
  addDraw(graph, 'logits', vocabSize, decoding === 'loop' ? LOOP_ROUNDS : 1);
  if (decoding === 'loop') addLoop(graph, decoder, weights, features, product, common);

  const parameters = weights.finish(layers);
  return { graph: graph.finish(), parameters };
}
