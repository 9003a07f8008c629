import type { GraphBuilder, Value } from '@sonde/onnx';
import type { Provider } from '../session/providers.ts';

/** a bᵀ over the last two axes; `rank` is b's. */
export type TransposedProduct = (graph: GraphBuilder, a: Value, b: Value, rank: number) => Value;

const fused: TransposedProduct = (graph, a, b) => graph.node('com.microsoft::FusedMatMul', [a, b], { transB: 1 });

const plain: TransposedProduct = (graph, a, b, rank) => {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const perm = [...axes.slice(0, -2), rank - 1, rank - 2];
  return graph.node('MatMul', [a, graph.node('Transpose', [b], { perm })]);
};

/** The way of a provider: WebGPU has no FusedMatMul, and caches would cross to the CPU for it at each step. */
export const transposedProduct = (provider: Provider): TransposedProduct => (provider === 'webgpu' ? plain : fused);
