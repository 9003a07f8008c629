import type { TensorInfo } from '@sonde/tensors';

/** Rows [from, to) of a weight [out, in], dequantised. */
export type ReadRows = (from: number, to: number) => Float32Array;

/** How a weight is stored that another program has quantised. */
export interface Packed {
  /** In a few words, such as "nf4" or "gptq int4". */
  readonly format: string;
  /** Reads what it is made of. @throws UserError if that has been damaged */
  open(): Promise<ReadRows>;
}

/** What a weight looks like when it is dequantised. */
export function infoOf(shape: readonly number[]): TensorInfo {
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'F32', shape, offset: 0, byteLength: 4 * count };
}
