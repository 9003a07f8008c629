import { readTensor } from '@sonde/tensors';
import { type Weight, weightName } from '../checkpoint.ts';
import { openWeight, pieces } from '../read-weight.ts';
import type { LinearShape } from './format.ts';

/** The rows of a weight W [out, in], wherever and however it is stored. */
export interface StoredRows {
  /** The file, for messages. */
  readonly path: string;
  readonly layout: Layout;
  /** Rows in their order, a multiple of `step` at a time but for the last. */
  read(step: number): AsyncIterable<Float32Array>;
}

/** How a weight lies in its tensor, where it is not the whole of it as [out, in]. */
export interface Layout {
  /** Whether it is stored as [in, out]; then it is read in one piece. */
  readonly transposed?: boolean;
  /** Its number among several that are stacked along a first axis; then it is read in one piece too. */
  readonly part?: number;
}

/** The rows of a weight stored as floats, or packed. */
export function floatRows(weight: Weight, [rows, columns]: LinearShape, layout: Layout = {}): StoredRows {
  const { transposed = false, part } = layout;
  return {
    path: weight.file.path,
    layout,
    async *read(step) {
      const stored = await openWeight(weight);
      const inOnePiece = part !== undefined || transposed;
      const whole = inOnePiece && (await stored(part ?? 0, part === undefined ? columns : part + 1));
      if (whole && transposed) {
        yield transpose(whole, [rows, columns]);
        return;
      }
      for (const [from, to] of pieces(rows, columns, step)) {
        yield whole ? whole.subarray(from * columns, to * columns) : stored(from, to);
      }
    },
  };
}

/** The values of a 4-bit float with two bits of exponent and one of mantissa, E2M1. */
const E2M1 = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);
/** Numbers that share a scale. */
export const MX_BLOCK = 32;

/**
 * The rows of weight `part` in a stack in MXFP4 (OCP Microscaling Formats, v1.0): blocks [stack, out, in / 32, 16] of two
 * E2M1 codes a byte, the first in the lower half, and scales [stack, out, in / 32], exponents of two plus 127.
 */
export function mxfp4Rows(blocks: Weight, scales: Weight, [rows, columns]: LinearShape, part: number): StoredRows {
  return {
    path: blocks.file.path,
    layout: { part },
    async *read(step) {
      const range = [part, part + 1] as const;
      const codes = bytesOf(await readTensor(blocks.file, weightName(blocks), range));
      const exponents = bytesOf(await readTensor(scales.file, weightName(scales), range));
      for (const [from, to] of pieces(rows, columns, step)) {
        const values = new Float32Array((to - from) * columns);
        for (let i = 0; i < values.length; i++) {
          const at = from * columns + i;
          const byte = codes[at >> 1]!;
          values[i] = E2M1[at % 2 === 0 ? byte & 15 : byte >> 4]! * 2 ** (exponents[Math.floor(at / MX_BLOCK)]! - 127);
        }
        yield values;
      }
    },
  };
}

function bytesOf({ data }: { readonly data: ArrayBufferView }): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function transpose(stored: Float32Array, [output, input]: LinearShape): Float32Array {
  const out = new Float32Array(stored.length);
  for (let i = 0; i < input; i++) {
    for (let o = 0; o < output; o++) out[o * input + i] = stored[i * output + o]!;
  }
  return out;
}
