import type { ComputeDtype } from '@sonde/checkpoints';
import { DATA_TYPES, type GraphBuilder, type Value } from '@sonde/onnx';

/** a bᵀ over the last two axes; `rank` is b's. */
export type TransposedProduct = (graph: GraphBuilder, a: Value, b: Value, rank: number) => Value;

/** In one operator, which WebGPU does not have: caches would cross to the CPU for it at each step. */
export function fusedProduct(graph: GraphBuilder, a: Value, b: Value): Value {
  return graph.node('com.microsoft::FusedMatMul', [a, b], { transB: 1 });
}

export function plainProduct(graph: GraphBuilder, a: Value, b: Value, rank: number): Value {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const perm = [...axes.slice(0, -2), rank - 1, rank - 2];
  return graph.node('MatMul', [a, graph.node('Transpose', [b], { perm })]);
}

/** What `product` makes of x in a type of 16 bits, as float32 again; in float32 throughout where `dtype` is null. */
export function inDtype(
  graph: GraphBuilder,
  dtype: ComputeDtype | null,
  x: Value,
  product: (x: Value, as: { readonly as?: ComputeDtype }) => Value,
): Value {
  if (dtype === null) return product(x, {});
  const narrow = graph.node('Cast', [x], { to: DATA_TYPES[dtype] });
  return graph.node('Cast', [product(narrow, { as: dtype })], { to: DATA_TYPES.float32 });
}
