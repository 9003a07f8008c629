import { UserError } from '@sonde/base';
import { type DType, elementCount } from '@sonde/tensors';
import type { Weight } from '../checkpoint.ts';
import { roundTo } from '../quantization/precision.ts';
import type { WeightDtype } from '../quantization/words.ts';
import { codeAt, wordsFor } from './bits.ts';
import { FLOAT8 } from './floats8.ts';
import { applyScales, gridOf } from './grid.ts';
import {
  addWeight,
  bytesOf,
  FLOATS,
  type Found,
  floatsOf,
  nothingFound,
  numbersOf,
  partOf,
  partOfShape,
  type Source,
  wordsOf,
} from './parts.ts';
import { readSchemes, type Scheme, schemeOf } from './schemes.ts';
import type { ReadRows } from './types.ts';

/** What is stored of inputs and outputs, which stay in float32 here. */
const OF_ACTIVATIONS = ['input_scale', 'input_zero_point', 'output_scale', 'output_zero_point', 'k_scale', 'v_scale'];

const TYPES: Readonly<Partial<Record<DType, WeightDtype>>> = { F16: 'float16', BF16: 'bfloat16' };

/** Codes of rows [from, to) of a weight. */
type ReadCodes = ReadRows;

/** compressed-tensors: weights packed into words, or as integers or 8-bit floats; scales of groups, blocks, rows, the whole. */
export async function findCompressed(source: Source): Promise<Found> {
  const found = nothingFound();
  const schemes = readSchemes(source);
  for (const [name, weight] of source.weights) {
    const layer = /^(.+)\.weight(_packed)?$/.exec(name);
    if (!layer) continue;
    if (layer[2]) await addPacked(found, source, schemes, layer[1]!, weight);
    else if (weight.info.dtype === 'I8' || FLOAT8[weight.info.dtype])
      addPlain(found, source, schemes, layer[1]!, weight);
  }
  return found;
}

async function addPacked(found: Found, source: Source, schemes: readonly Scheme[], layer: string, weight: Weight) {
  const scheme = schemeOf(schemes, layer, source);
  const shape = await shapeOf(partOfShape(source, `${layer}.weight_shape`, ['I64', 'I32'], [2]), layer);
  const [output, input] = shape;
  const { bits } = scheme;
  const across = wordsFor(input, bits);
  const codes = partOfShape(source, `${layer}.weight_packed`, ['I32'], [output, across]);
  const open = async (): Promise<ReadCodes> => {
    const words = await wordsOf(codes);
    const middle = 2 ** (bits - 1);
    return (from, to) => {
      const out = new Float32Array((to - from) * input);
      for (let row = from, at = 0; row < to; row++) {
        for (let i = 0; i < input; i++) out[at++] = codeAt(words, row * across, 1, i, bits) - middle;
      }
      return out;
    };
  };
  addScaled(found, source, scheme, layer, weight, shape, open, `compressed int${bits}`);
}

function addPlain(found: Found, source: Source, schemes: readonly Scheme[], layer: string, weight: Weight) {
  const scheme = schemeOf(schemes, layer, source);
  const dtypes: readonly DType[] = scheme.type === 'int' ? ['I8'] : ['F8_E4M3'];
  const shape = partOf(source, `${layer}.weight`, dtypes, 2).info.shape as readonly [number, number];
  const columns = shape[1];
  const values = FLOAT8[weight.info.dtype];
  const open = async (): Promise<ReadCodes> => {
    const bytes = await bytesOf(weight);
    const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    return (from, to) => {
      const [start, end] = [from * columns, to * columns];
      return values
        ? Float32Array.from(bytes.subarray(start, end), (byte) => values[byte]!)
        : Float32Array.from(codes.subarray(start, end));
    };
  };
  addScaled(found, source, scheme, layer, weight, shape, open, values ? 'compressed fp8' : 'compressed int8');
}

/** A weight with its scales, its zeros if it has them, and its inputs' groups if they are in an order of their own. */
function addScaled(
  found: Found,
  source: Source,
  scheme: Scheme,
  layer: string,
  weight: Weight,
  shape: readonly [number, number],
  openCodes: () => Promise<ReadCodes>,
  format: string,
): void {
  const name = (part: string) => `${layer}.${part}`;
  const scales = partOf(source, name('weight_scale'), FLOATS);
  const grid = gridOf(scales, name('weight_scale'), shape, scheme.block);
  const zeros = scheme.symmetric ? null : zerosOf(source, scheme, name('weight_zero_point'), scales);
  const order = source.weights.has(name('weight_g_idx'))
    ? partOfShape(source, name('weight_g_idx'), ['I32', 'I64'], [shape[1]])
    : null;
  const open = async (): Promise<ReadRows> => {
    const [readCodes, factors, middles] = [await openCodes(), await floatsOf(scales), (await zeros?.()) ?? null];
    const groups = order ? Int32Array.from(await numbersOf(order), Number) : null;
    // Without an order the group of every input is −1 (compressed-tensors' mark), and that of its place counts.
    const inOrder = groups?.every((group) => group === -1) ? null : groups;
    if (inOrder?.some((group) => group < 0 || group >= grid.across)) {
      throw new UserError(
        'model',
        `${weight.file.path}: "${name('weight_g_idx')}" names groups that there are no scales of.`,
      );
    }
    // compressed-tensors computes in the type of the scales.
    const dtype = TYPES[scales.info.dtype] ?? null;
    return (from, to) => {
      const out = readCodes(from, to);
      if (inOrder) scaleInOrder(out, from, shape[1], inOrder, grid.across, factors, middles);
      else applyScales(out, from, shape[1], grid, factors, middles);
      return roundTo(dtype, out);
    };
  };
  const parts = ['weight', 'weight_packed', 'weight_shape', 'weight_scale', 'weight_zero_point', 'weight_g_idx'];
  addWeight(found, name('weight'), weight, shape, { format, open }, [...parts, ...OF_ACTIVATIONS].map(name));
}

/** Scales rows, in place, whose inputs are in groups by an order of their own. */
function scaleInOrder(
  values: Float32Array,
  first: number,
  columns: number,
  groupOf: Int32Array,
  groups: number,
  scales: Float32Array,
  zeros: Float32Array | null,
): void {
  for (let start = 0, row = first; start < values.length; start += columns, row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * groups + groupOf[column]!;
      values[start + column] = (values[start + column]! - (zeros?.[at] ?? 0)) * scales[at]!;
    }
  }
}

/** Reads the zeros of an asymmetric weight, one for each scale: as integers, or packed along the outputs. */
function zerosOf(source: Source, { bits, format }: Scheme, name: string, scales: Weight): () => Promise<Float32Array> {
  const stored = partOf(source, name, ['I8', 'I32']);
  const { shape } = scales.info;
  if (stored.info.dtype === 'I8' || format !== 'pack-quantized' || shape.length < 2) {
    partOfShape(source, name, ['I8', 'I32'], shape);
    return async () => Float32Array.from(await numbersOf(stored), Number);
  }
  const [rows, across] = shape as [number, number];
  const zeros = partOfShape(source, name, ['I32'], [wordsFor(rows, bits), across]);
  const middle = 2 ** (bits - 1);
  return async () => {
    const words = await wordsOf(zeros);
    return Float32Array.from({ length: elementCount(shape) }, (_, at) => {
      return codeAt(words, at % across, across, Math.floor(at / across), bits) - middle;
    });
  };
}

async function shapeOf(part: Weight, layer: string): Promise<readonly [number, number]> {
  const [output, input] = Array.from(await numbersOf(part), Number) as [number, number];
  if (output > 0 && input > 0) return [output, input];
  throw new UserError('model', `${part.file.path}: "${layer}.weight_shape" is [${output}, ${input}].`);
}
