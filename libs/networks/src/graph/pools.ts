import type { GraphBuilder, Value } from '@sonde/onnx';
import { MAXIMUM_OUT, maximumInputs, POOL_OUT, poolInputs } from '../ports/pools.ts';
import type { Features, PoolLayout } from '../sites.ts';

/**
 * keep · before + Σ over t of weights[t] · state[t], over all pooled values: [rows, Q, pooled size].
 * @param states [rows, T, size] each
 * @param weights [rows, Q, T]
 * @param keep broadcast to [rows, Q, 1]
 */
export function poolSums(
  graph: GraphBuilder,
  states: readonly Value[],
  { weights, keep, before }: { readonly weights: Value; readonly keep: Value; readonly before: Value },
): Value {
  const sums = states.map((state) => graph.node('MatMul', [weights, state]));
  return graph.node('Add', [graph.node('Mul', [before, keep]), graph.node('Concat', sums, { axis: 2 })]);
}

/**
 * The greatest value of each component so far: [rows, pooled size].
 * @param states [rows, T, size] each
 * @param bias [rows, T, 1]: 0 where a token counts, −∞ where not
 */
export function poolMaxima(graph: GraphBuilder, states: readonly Value[], bias: Value, before: Value): Value {
  const greatest = states.map((state) =>
    graph.node('ReduceMax', [graph.node('Add', [state, bias]), graph.constant([1])], { keepdims: 0 }),
  );
  return graph.node('Max', [before, graph.node('Concat', greatest, { axis: 1 })]);
}

/** Sums and maxima over tokens, with their inputs and outputs, by the names that every graph of a trunk gives them. */
export function addPools(
  graph: GraphBuilder,
  states: readonly Value[],
  {
    rowShape,
    layout,
    features,
  }: { readonly rowShape: Value; readonly layout: PoolLayout; readonly features: Features },
): void {
  const perRow = states.map((state) => graph.node('Reshape', [state, rowShape]));
  graph.output(POOL_OUT, poolSums(graph, perRow, poolInputs(graph, layout.size)), 'float32');
  if (!features.maximum) return;
  const { bias, before } = maximumInputs(graph, layout.size);
  graph.output(MAXIMUM_OUT, poolMaxima(graph, perRow, bias, before), 'float32');
}
