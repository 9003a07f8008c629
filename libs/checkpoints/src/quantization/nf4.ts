import { type Format, withSpareRow } from './format.ts';

/**
 * The 16 values of a 4-bit "normal float": quantiles of the normal distribution, scaled to ±1, one of them zero
 * (Dettmers et al., arXiv 2305.14314, appendix E).
 */
export const NF4_VALUES: Float32Array = Float32Array.of(
  -1.0,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0.0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1.0,
);

export const NF4_BLOCK = 64;
/** `quant_type` of ONNX Runtime's MatMulBnb4. */
const QUANT_TYPE = 1;
/** The code of zero, which fills up the last byte of an odd number of codes. */
const ZERO = 7;
/** What a block of zeros is divided by. */
const LEAST = Math.fround(1e-38);

/** A number's code is how many of these lie below it. */
const MIDPOINTS = Float32Array.from({ length: 15 }, (_, i) => Math.fround(NF4_VALUES[i]! + NF4_VALUES[i + 1]!) / 2);

/** Codes by cells of 1/1024 over [−1, 1 + 1/1024]; a cell with a midpoint in it has UNDECIDED beside the code below. */
const CELLS = 1024;
const UNDECIDED = 16;
function below(value: number): number {
  return MIDPOINTS.filter((midpoint) => midpoint < value).length;
}
const CODES = Uint8Array.from({ length: 2 * CELLS + 2 }, (_, cell) => {
  const [start, end] = [cell / CELLS - 1, (cell + 1) / CELLS - 1];
  return below(end) === below(start) ? below(start) : UNDECIDED + below(start);
});

function codeOf(scaled: number): number {
  const code = CODES[((scaled + 1) * CELLS) | 0]!;
  if (code < UNDECIDED) return code;
  return scaled > MIDPOINTS[code - UNDECIDED]! ? code - UNDECIDED + 1 : code - UNDECIDED;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/**
 * NF4 as bitsandbytes does it without double quantisation: blocks of 64 along the flattened weight, each divided by
 * its greatest magnitude; two codes a byte, the first in the upper half.
 */
export const nf4: Format = {
  name: 'nf4',
  codes: ([output, input]) => [Math.ceil((output * input) / 2)],
  scales: ([output, input]) => [Math.ceil((output * input) / NF4_BLOCK)],
  rowStep: (columns) => NF4_BLOCK / gcd(NF4_BLOCK, columns),

  quantize(rows) {
    const count = rows.length;
    const blocks = Math.ceil(count / NF4_BLOCK);
    const codes = new Uint8Array(Math.ceil(count / 2));
    const scales = new Float32Array(blocks);
    for (let block = 0; block < blocks; block++) {
      const start = block * NF4_BLOCK;
      const end = Math.min(count, start + NF4_BLOCK);
      let greatest = 0;
      for (let i = start; i < end; i++) {
        const magnitude = Math.abs(rows[i]!);
        if (magnitude > greatest) greatest = magnitude;
      }
      // bitsandbytes multiplies whole blocks by the reciprocal and divides a last one that is not whole.
      const whole = end - start === NF4_BLOCK;
      const divisor = Math.max(greatest, LEAST);
      const factor = Math.fround(1 / divisor);
      scales[block] = whole ? greatest : divisor;
      if (whole) {
        for (let i = start; i < end; i += 2) {
          const upper = codeOf(Math.fround(rows[i]! * factor));
          codes[i >> 1] = (upper << 4) | codeOf(Math.fround(rows[i + 1]! * factor));
        }
      } else {
        for (let i = start; i < end; i += 2) {
          const lower = i + 1 < end ? codeOf(Math.fround(rows[i + 1]! / divisor)) : ZERO;
          codes[i >> 1] = (codeOf(Math.fround(rows[i]! / divisor)) << 4) | lower;
        }
      }
    }
    return { codes, scales };
  },

  multiply: (graph, x, codes, scales, [output, input]) =>
    withSpareRow(graph, x, (padded) =>
      graph.node('com.microsoft::MatMulBnb4', [padded, codes, scales], {
        K: input,
        N: output,
        block_size: NF4_BLOCK,
        quant_type: QUANT_TYPE,
      }),
    ),
};
