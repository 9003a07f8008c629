import { buildGraph, type Graph, type Value } from '@sonde/onnx';
import type { Decoder } from '../architectures/architecture.ts';
import { type Features, poolLayout, type Site, siteSize } from '../sites.ts';
import type { AttentionInputs } from './attention.ts';
import { addDraw } from './draw.ts';
import { addEdits } from './edits.ts';
import { createParts } from './parts.ts';
import { placeWeights, type WeightSource } from './weights.ts';

/**
 * The whole graph of a decoder. One graph serves pre-fill, steps and teacher forcing: a run has B prompts, K sequences
 * of each, T new tokens a sequence, and R rows of the head; every part may be empty. What each input and output means
 * is said by `engine.ts`, which feeds it.
 */
export function decoderGraph(
  decoder: Decoder,
  source: WeightSource,
  features: Features,
): { graph: Graph; parameters: number } {
  const { layers, vocabSize, keyValueHeads, headSize } = decoder.sizes;
  const graph = buildGraph('decoder');
  const int64 = (name: string, length: number): Value => graph.input(name, 'int64', [length]);
  const caches = (prefix: string, kind: string, dims: readonly (string | number)[]): Value[] =>
    Array.from({ length: layers }, (_, layer) => graph.input(`${prefix}.${layer}.${kind}`, 'float32', dims));

  const inputIds = graph.input('input_ids', 'int32', ['tokens']);
  const promptCache = ['B', keyValueHeads, 'P', headSize];
  const rowCache = ['B', keyValueHeads, 'K', 'S', headSize];
  const maskShape = ['mB', 1, 1, 'mT', 'P+S+T'];
  const attention: AttentionInputs = {
    splitQuery: int64('split_query', 6),
    splitKey: int64('split_key', 5),
    queryForPrompt: int64('query_for_prompt', 4),
    queryForRow: int64('query_for_row', 5),
    promptScores: int64('prompt_scores', 5),
    promptWeights: int64('prompt_weights', 4),
    splitAttended: int64('split_attended', 6),
    lengths: int64('lengths', 3),
    mask: graph.input('attention_mask', 'float32', maskShape),
    slidingMask: decoder.sizes.window === null ? null : graph.input('sliding_mask', 'float32', maskShape),
    promptKeys: caches('prompt', 'key', promptCache),
    promptValues: caches('prompt', 'value', promptCache),
    rowKeys: caches('past', 'key', rowCache),
    rowValues: caches('past', 'value', rowCache),
  };
  const gates = (name: string): Value[] => {
    const input = graph.input(name, 'float32', [layers]);
    return graph.nodes(layers, 'Split', [input], { axis: 0, num_outputs: layers });
  };
  const rowShape = int64('row_shape', 3);
  const weights = placeWeights(graph, source);
  const states = new Map<string, Value>();
  const passSite = (site: Site, block: number, x: Value): Value => {
    const size = siteSize(decoder.sizes, site);
    const changed = addEdits(graph, x, site, block, size, features.edits[site] ?? 0);
    states.set(`${site}.${block + 1}`, changed);
    return changed;
  };
  const parts = createParts(graph, weights, decoder.sizes, {
    rowShape,
    positionIds: graph.input('position_ids', 'int64', ['rows', 'T']),
    rotary: decoder.rotary.map(({ inverseFrequencies: { length: pairs } }, i) => ({
      cos: graph.input(`cos.${i}`, 'float32', ['positions', pairs]),
      sin: graph.input(`sin.${i}`, 'float32', ['positions', pairs]),
      pairs,
    })),
    attention,
    attentionGates: gates('attention_gates'),
    mlpGates: gates('mlp_gates'),
    passSite,
  });

  let hidden = decoder.embed(parts, inputIds);
  states.set('residual.0', hidden);
  for (let block = 0; block < layers; block++) {
    hidden = passSite('residual', block, decoder.block(parts, block, hidden));
  }
  const normed = decoder.finalNorm(parts, hidden);
  states.set(`normed.${layers}`, normed);

  const layout = poolLayout(decoder.sizes, features.sites);
  const width = layout.size;
  const perRow = layout.values.map(({ site, layer }) =>
    graph.node('Reshape', [states.get(`${site}.${layer}`)!, rowShape]),
  );
  const poolWeights = graph.input('pool_weights', 'float32', ['rows', 'Q', 'T']);
  const keep = graph.input('pool_keep', 'float32', ['rows', 'Q', 1]);
  const before = graph.input('pool_in', 'float32', ['rows', 'Q', width]);
  const summed = graph.node(
    'Concat',
    perRow.map((state) => graph.node('MatMul', [poolWeights, state])),
    { axis: 2 },
  );
  graph.output('pool_out', graph.node('Add', [graph.node('Mul', [before, keep]), summed]), 'float32');
  if (features.maximum) {
    const bias = graph.input('maximum_bias', 'float32', ['rows', 'T', 1]);
    const greatest = perRow.map((state) =>
      graph.node('ReduceMax', [graph.node('Add', [state, bias]), graph.constant([1])], { keepdims: 0 }),
    );
    const soFar = graph.input('maximum_in', 'float32', ['rows', width]);
    graph.output('maximum_out', graph.node('Max', [soFar, graph.node('Concat', greatest, { axis: 1 })]), 'float32');
  }

  const headRows = graph.node('Gather', [normed, graph.input('head_rows', 'int32', ['R'])], { axis: 0 });
  // Named as an output before it is used: an Identity would copy it at every step.
  graph.output('logits', decoder.head(parts, headRows), 'float32', ['R', vocabSize]);
  addDraw(graph, 'logits', vocabSize);

  const parameters = weights.finish(layers);
  return { graph: graph.finish(), parameters };
}
