import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '@sonde/base';
import { bytesPerElement, type DType, elementCount, type TypedArray, viewOf } from './dtypes.ts';
import { widenBfloat16, widenFloat16 } from './half.ts';
import type { TensorInfo } from './header.ts';
import { infoOf, openSafetensors, readExactly, type SafetensorsFile } from './read.ts';
import { type TensorEntry, writeSafetensors } from './write.ts';

const WIDENED: Readonly<Partial<Record<DType, (stored: ArrayBuffer) => Float32Array>>> = {
  F32: (stored) => new Float32Array(stored),
  F64: (stored) => Float32Array.from(new Float64Array(stored)),
  F16: (stored) => widenFloat16(new Uint16Array(stored)),
  BF16: (stored) => widenBfloat16(new Uint16Array(stored)),
};

/** Rows between two looks at whatever else the process has to do. */
const ROWS_AT_ONCE = 4096;

/**
 * Some rows of a floating-point tensor [n, m, …] at one place of its second axis, as float32: [rows, …]. Reads nothing
 * else of the tensor, whatever its size.
 *
 * @param rows row numbers, in the order wanted
 * @throws UserError if the tensor is not of a floating-point type, a row or the place lies outside, or the file has shrunk
 */
export async function readFloat32At(
  file: SafetensorsFile,
  name: string,
  rows: ArrayLike<number>,
  place: number,
): Promise<Float32Array> {
  const { bytes, readRow, widened } = rowsAt(file, name, place);
  const stored = new Uint8Array(rows.length * bytes);
  const handle = openSync(file.path, 'r');
  try {
    for (let i = 0; i < rows.length; i++) {
      readRow(handle, rows[i]!, stored, i);
      if (i % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate();
    }
  } finally {
    closeSync(handle);
  }
  return widened(stored.buffer);
}

/** The same for a few rows at once, without a pause for anything else. */
export function readFloat32AtSync(
  file: SafetensorsFile,
  name: string,
  rows: ArrayLike<number>,
  place: number,
): Float32Array {
  const { bytes, readRow, widened } = rowsAt(file, name, place);
  const stored = new Uint8Array(rows.length * bytes);
  const handle = openSync(file.path, 'r');
  try {
    for (let i = 0; i < rows.length; i++) readRow(handle, rows[i]!, stored, i);
  } finally {
    closeSync(handle);
  }
  return widened(stored.buffer);
}

/** How a row of a tensor is read at one place of its second axis. */
function rowsAt(file: SafetensorsFile, name: string, place: number) {
  const { dtype, shape, offset } = infoOf(file, name);
  const where = `${file.path}: tensor "${name}"`;
  const [count = 0, places = 0, ...rest] = shape;
  const widened = WIDENED[dtype];
  if (widened === undefined) throw new UserError('tensors', `${where} is ${dtype}, not of a floating-point type.`);
  const bytes = elementCount(rest) * bytesPerElement(dtype);
  return {
    bytes,
    widened,
    readRow(handle: number, row: number, into: Uint8Array, i: number): void {
      if (!(row >= 0 && row < count && place >= 0 && place < places)) {
        throw new UserError('tensors', `${where}: [${row}, ${place}] lies outside its shape ${JSON.stringify(shape)}.`);
      }
      const read = readSync(handle, into, i * bytes, bytes, offset + (row * places + place) * bytes);
      if (read !== bytes) throw new UserError('tensors', `${where}: the file was cut short while it was in use.`);
    },
  };
}

/** Bytes copied at a time. */
const BLOCK_BYTES = 2 ** 23;

/** A tensor's bytes as they lie in the file, in blocks that `writeSafetensors` takes for the same dtype. */
async function* storedBlocks(file: SafetensorsFile, name: string): AsyncGenerator<TypedArray> {
  const { dtype, offset, byteLength } = infoOf(file, name);
  const handle = await open(file.path, 'r');
  try {
    for (let done = 0; done < byteLength; ) {
      const block = new ArrayBuffer(Math.min(BLOCK_BYTES, byteLength - done));
      await readExactly(handle, new Uint8Array(block), offset + done, `${file.path}: tensor "${name}"`);
      yield viewOf(dtype, block);
      done += block.byteLength;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Puts the tensors of files one below the other, along their first axes, a block of one file at a time in memory. The
 * metadata are the first file's if not given.
 *
 * @throws UserError where a file's tensors are not those of the first
 */
export async function concatSafetensors(
  parts: readonly string[],
  to: string,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  // One after the other: thousands of files cannot be open at once.
  const files: SafetensorsFile[] = [];
  for (const part of parts) files.push(await openSafetensors(part));
  const first = files[0]!;
  const entries = [...first.tensors].map(([name, { dtype, shape }]): [string, TensorEntry] => {
    const rest = shape.slice(1);
    for (const file of files) {
      const found = infoOf(file, name);
      if (found.dtype === dtype && isDeepStrictEqual(found.shape.slice(1), rest)) continue;
      const say = (info: TensorInfo): string => `${info.dtype} ${JSON.stringify(info.shape)}`;
      throw new UserError(
        'tensors',
        `${file.path}: tensor "${name}" is ${say(found)}, which cannot follow ${say({ ...found, dtype, shape })}.`,
      );
    }
    async function* chunks(): AsyncGenerator<TypedArray> {
      for (const file of files) yield* storedBlocks(file, name);
    }
    const n = files.reduce((sum, file) => sum + infoOf(file, name).shape[0]!, 0);
    return [name, { dtype, shape: [n, ...rest], data: chunks() }];
  });
  await writeSafetensors(to, Object.fromEntries(entries), metadata ?? first.metadata);
}
