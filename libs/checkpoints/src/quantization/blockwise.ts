import { type Format, type LinearShape, withSpareRow } from './format.ts';

/** Neighbours along a row that share a scale. */
export const BLOCK = 32;

/** `accuracy_level` of ONNX Runtime's MatMulNBits: in which type inputs are multiplied with the codes. */
const AS_FLOAT32 = 1;
const AS_INT8 = 4;

/** Below it, blocks are taken for zeros: float32 has no reciprocal of such a scale. */
const LEAST_NORMAL = 2 ** -126;

function blocksOf(columns: number): number {
  return Math.ceil(columns / BLOCK);
}

/**
 * Symmetric codes: value = (code − zero) · scale, zero in the middle of the codes. The last block of a row is filled
 * up with zeros.
 * @param scaleOf the scale of a block whose value of greatest magnitude is given
 */
function quantizeBlocks(
  rows: Float32Array,
  columns: number,
  bits: 4 | 8,
  scaleOf: (extreme: number) => number,
): { codes: Uint8Array; scales: Float32Array } {
  const [count, blocks] = [rows.length / columns, blocksOf(columns)];
  const [zero, greatest, bytes] = [2 ** (bits - 1), 2 ** bits - 1, (BLOCK * bits) / 8];
  const middle = zero + 0.5;
  const codes = new Uint8Array(count * blocks * bytes).fill(bits === 8 ? zero : zero * 17);
  const scales = new Float32Array(count * blocks);
  for (let row = 0; row < count; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * BLOCK;
      const size = Math.min(BLOCK, columns - block * BLOCK);
      let extreme = 0;
      let magnitude = 0;
      for (let i = start; i < start + size; i++) {
        const value = rows[i]!;
        if (Math.abs(value) > magnitude) {
          extreme = value;
          magnitude = Math.abs(value);
        }
      }
      const scale = Math.fround(scaleOf(extreme));
      if (Math.abs(scale) < LEAST_NORMAL) continue;
      const at = row * blocks + block;
      scales[at] = scale;
      const first = at * bytes;
      const factor = 1 / scale;
      // Products lie in ±zero and a little: cutting off what follows the point rounds, and only the last code overflows.
      if (bits === 8) {
        for (let i = 0; i < size; i++) codes[first + i] = (rows[start + i]! * factor + middle) | 0;
      } else {
        for (let i = 0; i < size; i += 2) {
          const lower = (rows[start + i]! * factor + middle) | 0;
          const upper = i + 1 < size ? (rows[start + i + 1]! * factor + middle) | 0 : zero;
          codes[first + (i >> 1)] = (Math.min(greatest, upper) << 4) | Math.min(greatest, lower);
        }
      }
    }
  }
  return { codes, scales };
}

function dimensions(bits: number): Pick<Format, 'codes' | 'scales' | 'rowStep'> {
  return {
    codes: ([output, input]: LinearShape) => [output, blocksOf(input), (BLOCK * bits) / 8],
    scales: ([output, input]: LinearShape) => [output, blocksOf(input)],
    rowStep: () => 1,
  };
}

function attributes([output, input]: LinearShape, bits: number, level: number) {
  return {
    K: input,
    N: output,
    bits,
    block_size: BLOCK,
    accuracy_level: level,
  };
}

/**
 * 8-bit weights and inputs. Inputs are rounded to 8 bits as well, each row by blocks of its own, so that a row's
 * result is a matter of the row alone.
 */
export const int8: Format = {
  name: 'int8',
  ...dimensions(8),
  quantize: (rows, columns) => quantizeBlocks(rows, columns, 8, (extreme) => Math.abs(extreme) / 127),
  multiply: (graph, x, codes, scales, shape) =>
    withSpareRow(graph, x, (padded) =>
      graph.node('com.microsoft::MatMulNBits', [padded, codes, scales], attributes(shape, 8, AS_INT8)),
    ),
};

/** 4-bit weights; inputs in float32. The value of greatest magnitude has the code at the end that reaches further. */
export const int4: Format = {
  name: 'int4',
  ...dimensions(4),
  quantize: (rows, columns) => quantizeBlocks(rows, columns, 4, (extreme) => extreme / -8),
  multiply: (graph, x, codes, scales, shape) =>
    withSpareRow(graph, x, (padded) =>
      graph.node('com.microsoft::MatMulNBits', [padded, codes, scales], attributes(shape, 4, AS_FLOAT32)),
    ),
};

/**
 * What MXFP4 stores, without loss: a block's numbers are multiples, up to 12, of a power of two. Inputs in float32.
 */
export const mxfp4: Format = {
  name: 'mxfp4',
  ...dimensions(8),
  quantize: (rows, columns) =>
    quantizeBlocks(rows, columns, 8, (extreme) => 2 ** (Math.floor(Math.log2(Math.abs(extreme))) - 3)),
  multiply: (graph, x, codes, scales, shape) =>
    withSpareRow(graph, x, (padded) =>
      graph.node('com.microsoft::MatMulNBits', [padded, codes, scales], attributes(shape, 8, AS_FLOAT32)),
    ),
};
