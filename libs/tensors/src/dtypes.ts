/** Element types of the safetensors format, by the format's own names. */
export type DType =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL'
  | 'F8_E4M3'
  | 'F8_E5M2';

export type TypedArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface Kind {
  readonly bytes: number;
  readonly view: (buffer: ArrayBuffer) => TypedArray;
}

function asF64(buffer: ArrayBuffer): TypedArray {
  return new Float64Array(buffer);
}
function asF32(buffer: ArrayBuffer): TypedArray {
  return new Float32Array(buffer);
}
function asI64(buffer: ArrayBuffer): TypedArray {
  return new BigInt64Array(buffer);
}
function asU64(buffer: ArrayBuffer): TypedArray {
  return new BigUint64Array(buffer);
}
function asI32(buffer: ArrayBuffer): TypedArray {
  return new Int32Array(buffer);
}
function asU32(buffer: ArrayBuffer): TypedArray {
  return new Uint32Array(buffer);
}
function asI16(buffer: ArrayBuffer): TypedArray {
  return new Int16Array(buffer);
}
function asU16(buffer: ArrayBuffer): TypedArray {
  return new Uint16Array(buffer);
}
function asI8(buffer: ArrayBuffer): TypedArray {
  return new Int8Array(buffer);
}
function asU8(buffer: ArrayBuffer): TypedArray {
  return new Uint8Array(buffer);
}

const KINDS: ReadonlyMap<string, Kind> = new Map<DType, Kind>([
  ['F64', { bytes: 8, view: asF64 }],
  ['F32', { bytes: 4, view: asF32 }],
  ['F16', { bytes: 2, view: asU16 }],
  ['BF16', { bytes: 2, view: asU16 }],
  ['I64', { bytes: 8, view: asI64 }],
  ['I32', { bytes: 4, view: asI32 }],
  ['I16', { bytes: 2, view: asI16 }],
  ['I8', { bytes: 1, view: asI8 }],
  ['U64', { bytes: 8, view: asU64 }],
  ['U32', { bytes: 4, view: asU32 }],
  ['U16', { bytes: 2, view: asU16 }],
  ['U8', { bytes: 1, view: asU8 }],
  ['BOOL', { bytes: 1, view: asU8 }],
  ['F8_E4M3', { bytes: 1, view: asU8 }],
  ['F8_E5M2', { bytes: 1, view: asU8 }],
]);

export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && KINDS.has(name);
}

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return KINDS.get(dtype)!.bytes;
}

/** The typed array in which `readTensor` gives a dtype; the half-precision types come as their bits, in a Uint16Array. */
export function viewOf(dtype: DType, buffer: ArrayBuffer): TypedArray {
  return KINDS.get(dtype)!.view(buffer);
}

/** Number of elements of a shape; 1 for the empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
