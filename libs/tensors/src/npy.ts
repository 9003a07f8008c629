import { UserError } from '@sonde/base';
import { bytesPerElement, type DType, elementCount, viewOf } from './dtypes.ts';
import { widenBfloat16 } from './half.ts';
import type { Tensor } from './read.ts';

/** NumPy's names of the dtypes that `.npy` knows; bfloat16 and 8-bit floats are not among them. */
const NPY_NAMES: readonly (readonly [DType, string])[] = [
  ['F64', '<f8'],
  ['F32', '<f4'],
  ['F16', '<f2'],
  ['I64', '<i8'],
  ['I32', '<i4'],
  ['I16', '<i2'],
  ['I8', '|i1'],
  ['U64', '<u8'],
  ['U32', '<u4'],
  ['U16', '<u2'],
  ['U8', '|u1'],
  ['BOOL', '|b1'],
];

/**
 * The bytes of a `.npy` file (format version 1.0, C order). BF16 is widened to float32, which holds it exactly.
 * @throws UserError for a dtype without a NumPy name
 */
export function encodeNpy(tensor: Tensor): Uint8Array {
  if (tensor.dtype === 'BF16') {
    return encodeNpy({ dtype: 'F32', shape: tensor.shape, data: widenBfloat16(tensor.data as Uint16Array) });
  }
  const descr = NPY_NAMES.find(([dtype]) => dtype === tensor.dtype)?.[1];
  if (!descr) throw new UserError('tensors', `${tensor.dtype} has no NumPy type.`);
  const shape = tensor.shape.length === 1 ? `(${tensor.shape[0]},)` : `(${tensor.shape.join(', ')})`;
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${dictionary.padEnd(Math.ceil((dictionary.length + 11) / 64) * 64 - 11)}\n`;
  const { data } = tensor;
  const prefix = Buffer.alloc(10);
  prefix.write('\x93NUMPY\x01\x00', 'latin1');
  prefix.writeUInt16LE(header.length, 8);
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([prefix, Buffer.from(header, 'latin1'), body]);
}

/**
 * Reads the bytes of a `.npy` file (versions 1–3, little endian, C order).
 * @throws UserError if they are of another form
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 12 || buffer.toString('latin1', 0, 6) !== '\x93NUMPY') {
    throw new UserError('tensors', 'Not a .npy file: it does not start with \\x93NUMPY.');
  }
  const wide = buffer[6]! > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? buffer.readUInt32LE(8) : buffer.readUInt16LE(8));
  const header = buffer.toString('latin1', start, end);
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const dimensions = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const dtype = NPY_NAMES.find(([, name]) => name === descr || name.replace('|', '<') === descr)?.[0];
  if (!dtype || dimensions === undefined || !/'fortran_order':\s*False/.test(header)) {
    throw new UserError('tensors', `A .npy file of a form not read here: ${header.trim().slice(0, 120)}`);
  }
  const shape = dimensions.split(',').flatMap((size) => (size.trim() ? [Number(size)] : []));
  const length = elementCount(shape) * bytesPerElement(dtype);
  if (buffer.length - end !== length) {
    throw new UserError(
      'tensors',
      `A .npy file of ${descr} (${dimensions}) needs ${length} bytes, has ${buffer.length - end}.`,
    );
  }
  const copy = new ArrayBuffer(length);
  new Uint8Array(copy).set(buffer.subarray(end));
  return { dtype, shape, data: viewOf(dtype, copy) };
}
