import { UserError } from '@sonde/base';
import { type DType, readFloat32, readTensor, type TypedArray } from '@sonde/tensors';
import type { Weight } from '../checkpoint.ts';
import { infoOf, type Packed } from './types.ts';

/** What a format's page is given to find its weights. */
export interface Source {
  /** Where config.json lies, for messages. */
  readonly where: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly weights: ReadonlyMap<string, Weight>;
}

/** Weights of a format by name, and the names of all tensors that they are made of, or that are not needed. */
export interface Found {
  readonly weights: Map<string, Weight>;
  readonly used: Set<string>;
}

export function nothingFound(): Found {
  return { weights: new Map(), used: new Set() };
}

/** Adds the weight that `main` is the greatest part of. */
export function addWeight(
  found: Found,
  name: string,
  main: Weight,
  shape: readonly number[],
  packed: Packed,
  parts: Iterable<string>,
): void {
  found.weights.set(name, { file: main.file, info: infoOf(shape), packed });
  for (const part of parts) found.used.add(part);
}

/** A tensor that a format needs. @throws UserError if it is missing or of another type or number of dimensions */
export function partOf(source: Source, name: string, dtypes: readonly DType[], dimensions?: number): Weight {
  const found = source.weights.get(name);
  if (!found) throw new UserError('model', `${source.where}: the packed weights lack "${name}".`);
  const { dtype, shape } = found.info;
  if (!dtypes.includes(dtype) || (dimensions !== undefined && shape.length !== dimensions)) {
    const expected = `${dtypes.join(' or ')}${dimensions === undefined ? '' : ` of ${dimensions} dimensions`}`;
    throw new UserError(
      'model',
      `${found.file.path}: "${name}" is ${dtype} [${shape.join(', ')}]; expected ${expected} in this format.`,
    );
  }
  return found;
}

/** The same with a shape. @throws UserError */
export function partOfShape(source: Source, name: string, dtypes: readonly DType[], shape: readonly number[]): Weight {
  const found = partOf(source, name, dtypes, shape.length);
  if (shape.every((size, i) => size === found.info.shape[i])) return found;
  throw new UserError(
    'model',
    `${found.file.path}: "${name}" has shape [${found.info.shape.join(', ')}]; the other parts of this weight make it [${shape.join(', ')}].`,
  );
}

function nameOf({ file, info }: Weight): string {
  return [...file.tensors].find(([, other]) => other === info)![0];
}

export const FLOATS: readonly DType[] = ['F16', 'BF16', 'F32'];

export async function floatsOf(part: Weight): Promise<Float32Array> {
  return (await readFloat32(part.file, nameOf(part))).data;
}

export async function numbersOf(part: Weight): Promise<TypedArray> {
  return (await readTensor(part.file, nameOf(part))).data;
}

/** The bytes of a tensor, whatever its type. */
export async function bytesOf(part: Weight): Promise<Uint8Array> {
  const data = await numbersOf(part);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export async function wordsOf(part: Weight): Promise<Uint32Array> {
  const bytes = await bytesOf(part);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** @throws UserError: a field of `quantization_config` that is not followed */
export function refuseSetting({ where, settings }: Source, name: string, expected: string): never {
  throw new UserError(
    'model',
    `${where}: quantization_config has ${name}: ${JSON.stringify(settings[name])}, which is not read; expected ${expected}.`,
    REMEDY,
  );
}

export const REMEDY =
  'Use a checkpoint that is not quantised (with quantization: nf4, int8 or int4 if memory is short), or dequantise this one and save it with the program that made it.';
