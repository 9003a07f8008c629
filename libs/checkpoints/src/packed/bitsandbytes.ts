import { isRecord, UserError } from '@sonde/base';
import { elementCount } from '@sonde/tensors';
import type { Weight } from '../checkpoint.ts';
import { roundTo } from '../quantization/precision.ts';
import { DTYPES } from '../quantization/words.ts';
import { addWeight, bytesOf, type Found, floatsOf, nothingFound, partOf, partOfShape, type Source } from './parts.ts';
import type { ReadRows } from './types.ts';

const STATE = /^(.+)\.quant_state\.bitsandbytes__(\w+)$/;

/** 4-bit codes beside a table of 16 values and scales of blocks, and 8-bit rows beside their greatest magnitudes. */
export async function findBitsAndBytes(source: Source): Promise<Found> {
  const found = nothingFound();
  for (const [name, weight] of source.weights) {
    const state = STATE.exec(name);
    if (state) await addFourBits(found, source, name, state[1]!, state[2]!);
    else if (weight.info.dtype === 'I8' && name.endsWith('.weight')) await addEightBits(found, source, name, weight);
  }
  return found;
}

/** What a `quant_state` says of a weight. */
interface State {
  readonly shape: readonly number[];
  readonly blocksize: number;
  readonly dtype: (typeof DTYPES)[number];
  readonly nested: { readonly blocksize: number; readonly offset: number } | null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** @throws UserError if the JSON of a quant_state is not what bitsandbytes writes */
function parseState(bytes: Uint8Array, where: string): State {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    json = null;
  }
  if (isRecord(json)) {
    const { shape, blocksize, dtype, nested_blocksize: block, nested_offset: offset } = json;
    const type = DTYPES.find((known) => known === dtype);
    const isNested = block !== undefined || offset !== undefined;
    if (
      Array.isArray(shape) &&
      shape.length === 2 &&
      shape.every(isCount) &&
      isCount(blocksize) &&
      type &&
      (!isNested || (isCount(block) && typeof offset === 'number'))
    ) {
      const nested = isNested ? { blocksize: block as number, offset: offset as number } : null;
      return { shape, blocksize, dtype: type, nested };
    }
  }
  throw new UserError('model', `${where} is not a state that bitsandbytes writes for a linear layer.`);
}

async function addFourBits(found: Found, source: Source, stateName: string, name: string, type: string) {
  const stored = partOf(source, stateName, ['U8'], 1);
  if (type !== 'nf4' && type !== 'fp4') {
    throw new UserError('model', `${stored.file.path}: "${name}" is ${type}, a type of bitsandbytes that is not read.`);
  }
  const state = parseState(await bytesOf(stored), `${stored.file.path}: "${stateName}"`);
  const [count, columns] = [elementCount(state.shape), state.shape[1]!];
  const blocks = Math.ceil(count / state.blocksize);
  // The codes may be stored as numbers of another type (bnb_4bit_quant_storage).
  const codes = partOf(source, name, ['U8', 'F16', 'BF16', 'F32']);
  if (codes.info.byteLength < Math.ceil(count / 2)) {
    throw new UserError(
      'model',
      `${codes.file.path}: "${name}" has fewer codes than [${state.shape.join(', ')}] needs.`,
    );
  }
  const names = ['absmax', 'quant_map'].map((part) => `${name}.${part}`);
  const scales = partOfShape(source, names[0]!, [state.nested ? 'U8' : 'F32'], [blocks]);
  const table = partOfShape(source, names[1]!, ['F32'], [16]);
  let readScales = () => floatsOf(scales);
  if (state.nested) {
    const { blocksize, offset } = state.nested;
    const nestedNames = ['nested_absmax', 'nested_quant_map'].map((part) => `${name}.${part}`);
    const nestedScales = partOfShape(source, nestedNames[0]!, ['F32'], [Math.ceil(blocks / blocksize)]);
    const nestedTable = partOfShape(source, nestedNames[1]!, ['F32'], [256]);
    names.push(...nestedNames);
    readScales = async () => {
      const [own, factors, values] = [await bytesOf(scales), await floatsOf(nestedScales), await floatsOf(nestedTable)];
      return Float32Array.from(
        own,
        (code, i) => Math.fround(values[code]! * factors[Math.floor(i / blocksize)]!) + offset,
      );
    };
  }
  const open = async (): Promise<ReadRows> => {
    const [bytes, absmax, values] = [await bytesOf(codes), await readScales(), await floatsOf(table)];
    return (from, to) => {
      const out = new Float32Array((to - from) * columns);
      for (let i = 0; i < out.length; i++) {
        const at = from * columns + i;
        const byte = bytes[at >> 1]!;
        out[i] = values[at % 2 === 0 ? byte >> 4 : byte & 15]! * absmax[Math.floor(at / state.blocksize)]!;
      }
      // bitsandbytes multiplies with what its weights were before, rounded to their type.
      return roundTo(state.dtype, out);
    };
  };
  addWeight(found, name, codes, state.shape, { format: type, open }, [name, stateName, ...names]);
}

/** How rows of integers lie: as they are, and not for one of the layouts of older GPUs. */
const ROW_FORMAT = 0;
/** 1 / 127, as bitsandbytes rounds it. */
const STEP = Math.fround(7.874015718698502e-3);

async function addEightBits(found: Found, source: Source, name: string, weight: Weight) {
  const { shape } = partOf(source, name, ['I8'], 2).info;
  const base = name.slice(0, -'.weight'.length);
  const [rows, columns] = [shape[0]!, shape[1]!];
  const scales = partOfShape(source, `${base}.SCB`, ['F32'], [rows]);
  const formatName = `${base}.weight_format`;
  const format = source.weights.get(formatName);
  if (format && (await numbersOfOne(format)) !== ROW_FORMAT) {
    throw new UserError(
      'model',
      `${format.file.path}: "${formatName}" is not that of rows, the only one that is read.`,
    );
  }
  const open = async (): Promise<ReadRows> => {
    const [bytes, greatest] = [await bytesOf(weight), await floatsOf(scales)];
    const codes = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    return (from, to) => {
      const out = new Float32Array((to - from) * columns);
      for (let i = 0; i < out.length; i++) {
        const at = from * columns + i;
        out[i] = Math.fround(codes[at]! * greatest[Math.floor(at / columns)]!) * STEP;
      }
      return out;
    };
  };
  addWeight(found, name, weight, shape, { format: 'llm.int8', open }, [name, `${base}.SCB`, formatName]);
}

async function numbersOfOne(part: Weight): Promise<number> {
  const [first = -1] = await bytesOf(part);
  return first;
}
