import { open, rm } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import { bytesPerElement, type DType, elementCount, type TypedArray } from './dtypes.ts';
import { float32ToBfloat16, float32ToFloat16 } from './half.ts';

/**
 * A tensor to write. `data` is one typed array or chunks of them in row-major order, whose total must fill `shape`.
 * For the floating-point dtypes a Float32Array or Float64Array is converted (to nearest, ties to even); a Uint16Array is
 * taken as the bits of F16 or BF16; otherwise the array's element size must be the dtype's.
 */
export interface TensorEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray | AsyncIterable<TypedArray>;
}

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function encode(name: string, dtype: DType, data: TypedArray): Uint8Array {
  if (data instanceof Float32Array || data instanceof Float64Array) {
    switch (dtype) {
      case 'F64':
        return bytesOf(data instanceof Float64Array ? data : Float64Array.from(data));
      case 'F32':
        return bytesOf(data instanceof Float32Array ? data : Float32Array.from(data));
      case 'F16':
        return bytesOf(Uint16Array.from(data, float32ToFloat16));
      case 'BF16':
        return bytesOf(Uint16Array.from(data, float32ToBfloat16));
    }
  }
  const isFloat = data instanceof Float32Array || data instanceof Float64Array || dtype === 'F32' || dtype === 'F64';
  if (isFloat || data.BYTES_PER_ELEMENT !== bytesPerElement(dtype)) {
    throw new UserError('tensors', `Tensor "${name}": a ${data.constructor.name} cannot be written as ${dtype}.`);
  }
  return bytesOf(data);
}

async function* chunksOf(data: TensorEntry['data']): AsyncIterable<TypedArray> {
  if (ArrayBuffer.isView(data)) yield data;
  else yield* data;
}

/**
 * Writes a safetensors file; the same tensors and metadata give the same bytes. As in the reference implementation,
 * tensors lie by falling element size (so that each is aligned), then by name; metadata keys are sorted.
 * A failure leaves no file.
 * @throws UserError if an array does not fit its dtype or shape
 */
export async function writeSafetensors(
  path: string,
  entries: Readonly<Record<string, TensorEntry>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const inOrder = Object.entries(entries).sort(
    ([a, x], [b, y]) => bytesPerElement(y.dtype) - bytesPerElement(x.dtype) || byName(a, b),
  );
  const header: Record<string, unknown> = {};
  const keys = Object.keys(metadata).sort(byName);
  if (keys.length) header.__metadata__ = Object.fromEntries(keys.map((key) => [key, metadata[key]]));
  let end = 0;
  for (const [name, { dtype, shape }] of inOrder) {
    if (name === '__metadata__') throw new UserError('tensors', '"__metadata__" cannot be the name of a tensor.');
    const begin = end;
    end += elementCount(shape) * bytesPerElement(dtype);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));

  const handle = await open(path, 'w');
  try {
    await handle.writeFile(Buffer.concat([length, padded]));
    for (const [name, { dtype, shape, data }] of inOrder) {
      const expected = elementCount(shape) * bytesPerElement(dtype);
      let written = 0;
      for await (const chunk of chunksOf(data)) {
        const bytes = encode(name, dtype, chunk);
        await handle.writeFile(bytes);
        written += bytes.length;
      }
      if (written !== expected) {
        throw new UserError(
          'tensors',
          `Tensor "${name}": ${dtype} ${JSON.stringify(shape)} needs ${expected} bytes, ${written} were given.`,
        );
      }
    }
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
  await handle.close();
}
