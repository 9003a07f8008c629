import { buildGraph } from '@sonde/onnx';
import type { SequenceClassifier } from '../architectures/network.ts';
import { changeInputs } from '../ports/changes.ts';
import { maskInputs } from '../ports/masks.ts';
import { tokenShapeInputs } from '../ports/shapes.ts';
import { LABEL_LOGITS, summaryInputs } from '../ports/summary.ts';
import { rotaryInputs, tokenInputs } from '../ports/tokens.ts';
import type { Features } from '../sites.ts';
import type { WeighedGraph } from './next-token-graph.ts';
import { addPools } from './pools.ts';
import type { TransposedProduct } from './products.ts';
import { traceTrunk } from './trace.ts';
import { placeWeights, type WeightSource } from './weights.ts';

/** The whole graph of a classifier: a run has sequences of T tokens, read from their start, and gives logits of each. */
export function classifierGraph(
  { trunk, head }: SequenceClassifier,
  source: WeightSource,
  features: Features,
  product: TransposedProduct,
): WeighedGraph {
  const { sizes } = trunk;
  const graph = buildGraph('classifier');
  const weights = placeWeights(graph, source);
  const shapes = tokenShapeInputs(graph, sizes);
  const { parts, normed, states, layout } = traceTrunk(graph, trunk, weights, features, {
    rotary: rotaryInputs(graph, trunk.rotary),
    ...changeInputs(graph, sizes, features),
    tokens: tokenInputs(graph, trunk.tokenTypes),
    attention: { shapes, product, ...maskInputs(graph, sizes), caches: null },
  });
  addPools(graph, states, { rowShape: shapes.rowShape, layout, features });

  const perRow = graph.node('Reshape', [normed, shapes.rowShape]);
  const summed = graph.node('MatMul', [summaryInputs(graph), perRow]);
  const summary = graph.node('Reshape', [summed, graph.constant([-1, sizes.hiddenSize])]);
  graph.output(LABEL_LOGITS, head.logits(parts, summary), 'float32', ['rows', head.labels.length]);

  const weighed = weights.finish(sizes.layers);
  return { graph: graph.finish(), ...weighed };
}
