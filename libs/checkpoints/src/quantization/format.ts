import type { GraphBuilder, Value } from '@sonde/onnx';

/** [out, in] */
export type LinearShape = readonly [number, number];

/** Quantised weights: codes, and the scales of their blocks. */
export interface Codes {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
}

/** A way to quantise the weight W [out, in] of a linear layer. */
export interface Format {
  readonly name: string;
  /** Dimensions of the codes, as bytes. */
  codes(shape: LinearShape): readonly number[];
  /** Dimensions of the scales, in float32. */
  scales(shape: LinearShape): readonly number[];
  /** W is quantised by so many rows at a time, or a multiple of it, without a difference in the result. */
  rowStep(columns: number): number;
  /** Quantises some rows; what comes out for rows one after the other is joined. All values must be finite. */
  quantize(rows: Float32Array, columns: number): Codes;
  /** x Wᵀ. Each row of x gives the same bits whatever other rows there are. */
  multiply(graph: GraphBuilder, x: Value, codes: Value, scales: Value, shape: LinearShape): Value;
}

/**
 * A product that is computed with one row more than asked for: for a single row ONNX Runtime's kernels take another
 * order of summation, and a result would depend on what else is in the batch.
 */
export function withSpareRow(graph: GraphBuilder, x: Value, product: (padded: Value) => Value): Value {
  const padded = graph.node('Pad', [x, graph.constant([0, 0, 1, 0])]);
  return graph.node('Slice', [product(padded), graph.constant([0]), graph.constant([-1]), graph.constant([0])]);
}
