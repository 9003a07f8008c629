import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import { bytesPerElement, type DType, elementCount, type TypedArray, viewOf } from './dtypes.ts';
import { widenBfloat16, widenFloat16 } from './half.ts';
import { headerLength, parseHeader, type TensorInfo } from './header.ts';

/** A safetensors file whose header was read and checked. No file handle stays open. */
export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor in memory. F16 and BF16 come as their bits in a Uint16Array; BOOL and 8-bit floats as a Uint8Array. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** @throws UserError that begins with `what` where the file ends before */
export async function readExactly(handle: FileHandle, into: Uint8Array, position: number, what: string): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, 1 << 30);
    const { bytesRead } = await handle.read(into, done, length, position + done);
    if (bytesRead === 0)
      throw new UserError('tensors', `${what}: the file ends at byte ${position + done}, too early.`);
    done += bytesRead;
  }
}

/**
 * Opens a safetensors file: reads and checks its header, not its data.
 * @throws UserError if the file is not valid; the system's error if it cannot be read
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const first = new Uint8Array(Math.min(8, size));
    await readExactly(handle, first, 0, path);
    const json = new Uint8Array(headerLength(first, size, path));
    await readExactly(handle, json, 8, path);
    return { path, ...parseHeader(json, size, path) };
  } finally {
    await handle.close();
  }
}

/** @throws UserError if there is no tensor of that name */
export function infoOf(file: SafetensorsFile, name: string): TensorInfo {
  const info = file.tensors.get(name);
  if (info) return info;
  const some = [...file.tensors.keys()].slice(0, 5).join(', ');
  throw new UserError('tensors', `${file.path}: no tensor "${name}"; it has ${some || 'none'}.`);
}

async function readBytes(file: SafetensorsFile, name: string, offset: number, length: number): Promise<ArrayBuffer> {
  const buffer = new ArrayBuffer(length);
  const handle = await open(file.path, 'r');
  try {
    await readExactly(handle, new Uint8Array(buffer), offset, `${file.path}: tensor "${name}"`);
  } finally {
    await handle.close();
  }
  return buffer;
}

type Rows = readonly [number, number];

/** Where a tensor lies, or rows [start, end) of its first axis. @throws UserError if they lie outside */
function extent(file: SafetensorsFile, name: string, rows: Rows | undefined) {
  const { dtype, shape, offset, byteLength } = infoOf(file, name);
  if (!rows) return { dtype, shape: [...shape], start: offset, length: byteLength };
  const [from, to] = rows;
  const isRange = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to;
  if (!isRange || shape[0] === undefined || to > shape[0]) {
    throw new UserError(
      'tensors',
      `${file.path}: tensor "${name}": rows [${from}, ${to}) lie outside its shape ${JSON.stringify(shape)}.`,
    );
  }
  const rowBytes = elementCount(shape.slice(1)) * bytesPerElement(dtype);
  const length = (to - from) * rowBytes;
  return { dtype, shape: [to - from, ...shape.slice(1)], start: offset + from * rowBytes, length };
}

/**
 * Reads a tensor.
 * @param rows [start, end) along the first axis; all of it if absent
 * @throws UserError if there is none of that name, the rows lie outside, or the file has shrunk
 */
export async function readTensor(file: SafetensorsFile, name: string, rows?: Rows): Promise<Tensor> {
  const { dtype, shape, start, length } = extent(file, name, rows);
  return { dtype, shape, data: viewOf(dtype, await readBytes(file, name, start, length)) };
}

/**
 * Reads a floating-point tensor as float32 (F64 is rounded).
 * @param rows [start, end) along the first axis; all of it if absent
 * @throws UserError if the tensor is not of a floating-point type or the rows lie outside
 */
export async function readFloat32(
  file: SafetensorsFile,
  name: string,
  rows?: Rows,
): Promise<{ shape: number[]; data: Float32Array }> {
  const { dtype, shape, start, length } = extent(file, name, rows);
  if (dtype !== 'F32' && dtype !== 'F64' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new UserError(
      'tensors',
      `${file.path}: tensor "${name}" is ${dtype}, not of a floating-point type read here (F64, F32, F16, BF16).`,
    );
  }
  const buffer = await readBytes(file, name, start, length);
  if (dtype === 'F32') return { shape, data: new Float32Array(buffer) };
  if (dtype === 'F64') return { shape, data: Float32Array.from(new Float64Array(buffer)) };
  const bits = new Uint16Array(buffer);
  return { shape, data: dtype === 'F16' ? widenFloat16(bits) : widenBfloat16(bits) };
}
