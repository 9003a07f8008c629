import { buildGraph, encodeModel, float } from '@sonde/onnx';

/** How the operands of a product are read: `nt` is A·Bᵀ, `tn` is Aᵀ·B. */
export type GemmForm = 'nn' | 'nt' | 'tn';

/** An ONNX model of one float64 Gemm node with free shapes: Y = A·B or, with `subtract`, Y = C − A·B. */
export function gemmModel(form: GemmForm, subtract: boolean): Uint8Array {
  const graph = buildGraph('gemm');
  const operands = (subtract ? ['A', 'B', 'C'] : ['A', 'B']).map((name) =>
    graph.input(name, 'float64', [`${name}_rows`, `${name}_columns`]),
  );
  const product = graph.node('Gemm', operands, {
    alpha: float(subtract ? -1 : 1),
    beta: float(subtract ? 1 : 0),
    transA: form === 'tn' ? 1 : 0,
    transB: form === 'nt' ? 1 : 0,
  });
  graph.output('Y', product, 'float64', ['Y_rows', 'Y_columns']);
  return encodeModel({ irVersion: 8, producerName: 'sonde', opsets: { '': 13 }, graph: graph.finish() });
}
