import { buildGraph, encodeModel, float } from '@sonde/onnx';

/** How the operands of a product are read: `nt` is A·Bᵀ, `tn` is Aᵀ·B. */
export type GemmForm = 'nn' | 'nt' | 'tn';

/** What a product is computed in. */
export type Precision = 'float64' | 'float32';

/** An ONNX model of one Gemm node with free shapes: Y = A·B or, with `subtract`, Y = C − A·B. */
export function gemmModel(form: GemmForm, subtract: boolean, precision: Precision): Uint8Array {
  const graph = buildGraph('gemm');
  const operands = (subtract ? ['A', 'B', 'C'] : ['A', 'B']).map((name) =>
    graph.input(name, precision, [`${name}_rows`, `${name}_columns`]),
  );
  const product = graph.node('Gemm', operands, {
    alpha: float(subtract ? -1 : 1),
    beta: float(subtract ? 1 : 0),
    transA: form === 'tn' ? 1 : 0,
    transB: form === 'nt' ? 1 : 0,
  });
  graph.output('Y', product, precision, ['Y_rows', 'Y_columns']);
  return encodeModel({ irVersion: 8, producerName: 'sonde', opsets: { '': 13 }, graph: graph.finish() });
}
