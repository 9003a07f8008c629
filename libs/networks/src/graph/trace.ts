import type { GraphBuilder, Value } from '@sonde/onnx';
import type { Decoder } from '../architectures/architecture.ts';
import { type Features, type PoolLayout, poolLayout, type Site } from '../sites.ts';
import { addEdits } from './edits.ts';
import { createParts, type Parts, type RunValues } from './parts.ts';
import type { PlacedWeights } from './weights.ts';

/** A decoder in a graph, from token ids to the last state. */
export interface Traced {
  readonly parts: Parts;
  /** [tokens, d] after the final norm */
  readonly normed: Value;
  /** The pooled values in their order, [tokens, size] each. */
  readonly states: readonly Value[];
  readonly layout: PoolLayout;
}

/** Writes a decoder's description into a graph: the one place that does, for every form of graph. */
export function traceDecoder(
  graph: GraphBuilder,
  decoder: Decoder,
  weights: PlacedWeights,
  features: Features,
  inputIds: Value,
  run: Omit<RunValues, 'passSite'>,
): Traced {
  const { layers } = decoder.sizes;
  const states = new Map<string, Value>();
  const passSite = (site: Site, block: number, x: Value): Value => {
    const changed = addEdits(graph, x, { site, block }, features.edits[site] ?? 0, run.attention.product);
    states.set(`${site}.${block + 1}`, changed);
    return changed;
  };
  const parts = createParts(graph, weights, decoder.sizes, { ...run, passSite });
  let hidden = decoder.embed(parts, inputIds);
  states.set('residual.0', hidden);
  for (let block = 0; block < layers; block++) {
    hidden = passSite('residual', block, decoder.block(parts, block, hidden));
  }
  const normed = decoder.finalNorm(parts, hidden);
  states.set(`normed.${layers}`, normed);
  const layout = poolLayout(decoder.sizes, features.sites);
  return { parts, normed, states: layout.values.map(({ site, layer }) => states.get(`${site}.${layer}`)!), layout };
}

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
