import { repeatedKey, UserError } from '@sonde/base';
import { bytesPerElement, type DType, elementCount, isDType } from './dtypes.ts';

/** Where a tensor lies in its file. `offset` counts from the file's first byte. */
export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly byteLength: number;
}

/** The format's own limit, so that a lying header cannot ask for all memory. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Checks the length field of a safetensors file.
 * @param first the file's first bytes (8 are read)
 * @returns bytes of the JSON header
 */
export function headerLength(first: Uint8Array, fileSize: number, path: string): number {
  if (first.length < 8) {
    throw new UserError('tensors', `${path}: not a safetensors file: it has ${first.length} bytes, 8 are needed.`);
  }
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new UserError(
      'tensors',
      `${path}: the header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed. Is this a safetensors file?`,
    );
  }
  if (length + 8n > BigInt(fileSize)) {
    throw new UserError(
      'tensors',
      `${path}: the header claims ${length} bytes, but the file has ${fileSize} in all. It is truncated; fetch it again.`,
    );
  }
  return Number(length);
}

/**
 * Reads and checks a safetensors JSON header: known dtypes, sizes that agree with shapes, and data that lies one
 * tensor after another, without overlap or gap, up to the end of the file.
 */
export function parseHeader(
  json: Uint8Array,
  fileSize: number,
  path: string,
): { tensors: Map<string, TensorInfo>; metadata: Record<string, string> } {
  const header = parseObject(json, path);
  const dataStart = 8 + json.length;
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(entry, path);
    else tensors.set(name, parseEntry(name, entry, dataStart, fileSize, path));
  }
  checkLayout(tensors, dataStart, fileSize, path);
  return { tensors, metadata };
}

function parseObject(json: Uint8Array, path: string): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    header = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError('tensors', `${path}: the header is not JSON (${reason.slice(0, 80)}).`);
  }
  if (!isRecord(header)) throw new UserError('tensors', `${path}: the header is not a JSON object.`);
  const twice = repeatedKey(text);
  if (twice !== undefined) throw new UserError('tensors', `${path}: the header has ${JSON.stringify(twice)} twice.`);
  return header;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseMetadata(value: unknown, path: string): Record<string, string> {
  if (!isRecord(value)) throw new UserError('tensors', `${path}: __metadata__ is not an object of strings.`);
  const metadata: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new UserError('tensors', `${path}: __metadata__ "${key}" is not a string.`);
    metadata[key] = text;
  }
  return metadata;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseEntry(name: string, entry: unknown, dataStart: number, fileSize: number, path: string): TensorInfo {
  const where = `${path}: tensor "${name}"`;
  if (!isRecord(entry)) throw new UserError('tensors', `${where}: its description is not an object.`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDType(dtype)) {
    const found = dtype === undefined ? 'has no dtype' : `has the unknown dtype ${JSON.stringify(dtype)}`;
    throw new UserError('tensors', `${where} ${found}.`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw new UserError('tensors', `${where}: shape ${JSON.stringify(shape)} is not a list of sizes.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0]! > offsets[1]!) {
    throw new UserError('tensors', `${where}: data_offsets ${JSON.stringify(offsets)} are not [begin, end].`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = elementCount(shape) * bytesPerElement(dtype);
  if (end - begin !== expected) {
    throw new UserError(
      'tensors',
      `${where}: ${dtype} ${JSON.stringify(shape)} needs ${expected} bytes, data_offsets give ${end - begin}.`,
    );
  }
  if (dataStart + end > fileSize) {
    throw new UserError(
      'tensors',
      `${where}: its data ends at byte ${dataStart + end}, but the file has ${fileSize}. It is truncated; fetch it again.`,
    );
  }
  return { dtype, shape, offset: dataStart + begin, byteLength: end - begin };
}

function checkLayout(tensors: Map<string, TensorInfo>, dataStart: number, fileSize: number, path: string): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  let expected = dataStart;
  for (const [name, info] of inOrder) {
    if (info.offset !== expected) {
      const what = info.offset < expected ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new UserError('tensors', `${path}: tensor "${name}" ${what} (byte ${info.offset}, expected ${expected}).`);
    }
    expected += info.byteLength;
  }
  if (expected !== fileSize) {
    throw new UserError('tensors', `${path}: ${fileSize - expected} bytes after the last tensor belong to none.`);
  }
}
