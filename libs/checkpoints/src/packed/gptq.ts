import { UserError } from '@sonde/base';
import { codeAt, wordsFor } from './bits.ts';
import {
  addWeight,
  bytesOf,
  FLOATS,
  type Found,
  floatsOf,
  nothingFound,
  partOf,
  partOfShape,
  refuseSetting,
  type Source,
  wordsOf,
} from './parts.ts';
import type { ReadRows } from './types.ts';

/** Bits that a code can have. */
const BITS = [2, 3, 4, 8];
/** By bits that divide a word: a one in each code. */
const ONES: Readonly<Record<number, number>> = { 2: 0x55555555, 4: 0x11111111, 8: 0x01010101 };

/**
 * GPTQ as AutoGPTQ and GPTQModel store it: codes [in · bits / 32, out] along the input, zeros [groups, out · bits / 32],
 * scales [groups, out], and the group of each input (`g_idx`), which is in any order after act-order.
 */
export function findGptq(source: Source): Found {
  const found = nothingFound();
  const { settings } = source;
  const format = settings.checkpoint_format ?? settings.format ?? 'gptq';
  // The first form stores zeros less one, the second as they are.
  if (format !== 'gptq' && format !== 'gptq_v2') {
    refuseSetting(source, settings.checkpoint_format === undefined ? 'format' : 'checkpoint_format', 'gptq or gptq_v2');
  }
  if (settings.is_marlin_format === true) refuseSetting(source, 'is_marlin_format', 'false');
  for (const name of source.weights.keys()) {
    if (!name.endsWith('.qweight')) continue;
    const base = name.slice(0, -'.qweight'.length);
    const codes = partOf(source, name, ['I32'], 2);
    const scales = partOf(source, `${base}.scales`, FLOATS, 2);
    const [words, output] = codes.info.shape as [number, number];
    const groups = scales.info.shape[0]!;
    const order = source.weights.get(`${base}.g_idx`);
    const input = order ? order.info.shape[0]! : inputOf(source, words);
    const bits = BITS.find((count) => wordsFor(input, count) === words && (input * count) % 32 === 0);
    if (bits === undefined || input === 0) {
      throw new UserError(
        'model',
        `${codes.file.path}: "${name}" has ${words} words for ${input} inputs, which is not so with ${BITS.join(', ')} bits.`,
      );
    }
    partOfShape(source, `${base}.scales`, FLOATS, [groups, output]);
    const zeros = partOfShape(source, `${base}.qzeros`, ['I32'], [groups, wordsFor(output, bits)]);
    if (order) partOfShape(source, `${base}.g_idx`, ['I32', 'I64'], [input]);
    const declared = source.settings.group_size;
    const size = typeof declared === 'number' && declared > 0 ? declared : input;
    if (!order && Math.ceil(input / size) !== groups) {
      throw new UserError(
        'model',
        `${scales.file.path}: "${base}.scales" has ${groups} groups; ${input} inputs by group_size ${declared} make another number.`,
      );
    }
    const open = async (): Promise<ReadRows> => {
      const [packed, factors] = [await wordsOf(codes), await floatsOf(scales)];
      const middles = unpackZeros(await wordsOf(zeros), groups, output, bits, format === 'gptq');
      const groupOf = order
        ? await readOrder(order, groups)
        : Int32Array.from({ length: input }, (_, i) => Math.floor(i / size));
      const mask = 2 ** bits - 1;
      return (from, to) => {
        const out = new Float32Array((to - from) * input);
        for (let i = 0; i < input; i++) {
          const group = groupOf[i]! * output;
          const at = ((i * bits) >>> 5) * output;
          const shift = (i * bits) & 31;
          const isWhole = shift + bits <= 32;
          for (let o = from; o < to; o++) {
            const code = isWhole ? (packed[at + o]! >>> shift) & mask : codeAt(packed, o, output, i, bits);
            out[(o - from) * input + i] = (code - middles[group + o]!) * factors[group + o]!;
          }
        }
        return out;
      };
    };
    const parts = ['qweight', 'qzeros', 'scales', 'g_idx'].map((part) => `${base}.${part}`);
    addWeight(found, `${base}.weight`, codes, [output, input], { format: `gptq int${bits}`, open }, parts);
  }
  return found;
}

/** How many inputs there are, by the bits that the settings name. */
function inputOf(source: Source, words: number): number {
  const { bits } = source.settings;
  return typeof bits === 'number' && BITS.includes(bits)
    ? (words * 32) / bits
    : refuseSetting(source, 'bits', BITS.join(', '));
}

async function readOrder(order: Parameters<typeof bytesOf>[0], groups: number): Promise<Int32Array> {
  const bytes = await bytesOf(order);
  const wide = order.info.dtype === 'I64';
  const indices = wide
    ? Int32Array.from(new BigInt64Array(bytes.buffer), Number)
    : new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  // A negative index counts from the end, as PyTorch counts.
  const counted = indices.map((index) => (index < 0 ? index + groups : index));
  const outside = counted.findIndex((index) => index < 0 || index >= groups);
  if (outside < 0) return counted;
  throw new UserError(
    'model',
    `${order.file.path}: input ${outside} of a GPTQ weight is in group ${indices[outside]}, but there are ${groups} groups.`,
  );
}

/** Zeros [groups, out]. In the first form one is added to each: to the words where codes fill them, as GPTQModel does. */
function unpackZeros(words: Uint32Array, groups: number, output: number, bits: number, lessOne: boolean): Float32Array {
  const ones = ONES[bits];
  const whole = lessOne && ones !== undefined ? words.map((word) => word + ones) : words;
  const added = lessOne && ones === undefined ? 1 : 0;
  const perRow = wordsFor(output, bits);
  return Float32Array.from({ length: groups * output }, (_, at) => {
    const [group, o] = [Math.floor(at / output), at % output];
    return (codeAt(whole, group * perRow, 1, o, bits) + added) & (2 ** bits - 1);
  });
}
