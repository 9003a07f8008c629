import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import { elementCount, widenBfloat16, widenFloat16 } from '@sonde/tensors';
import type { Weight } from './checkpoint.ts';
import { readWeight } from './read-weight.ts';

/** Numbers compared at a time. */
const AT_ONCE = 2 ** 20;

/** Whether two weights of floating-point numbers have the same shape and numbers, however each is stored. */
export async function equalWeights(a: Weight, b: Weight): Promise<boolean> {
  if (a.info.shape.join() !== b.info.shape.join()) return false;
  if (a.packed || b.packed) {
    const [one, other] = [await readWeight(a), await readWeight(b)];
    return one.every((value, i) => value === other[i]);
  }
  const files = [await open(a.file.path, 'r'), await open(b.file.path, 'r')] as const;
  try {
    const count = elementCount(a.info.shape);
    for (let at = 0; at < count; at += AT_ONCE) {
      const some = Math.min(AT_ONCE, count - at);
      const [one, other] = [await readNumbers(files[0], a, at, some), await readNumbers(files[1], b, at, some)];
      if (!one || !other) return false;
      for (let i = 0; i < some; i++) if (one[i] !== other[i]) return false;
    }
    return true;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Numbers [at, at + count) of a weight; null where they are not of a floating-point type. */
async function readNumbers(
  handle: FileHandle,
  { file, info }: Weight,
  at: number,
  count: number,
): Promise<Float32Array | Float64Array | null> {
  const size = info.byteLength / elementCount(info.shape);
  const bytes = new Uint8Array(count * size);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, info.offset + at * size);
  if (bytesRead !== bytes.length) throw new UserError('model', `${file.path}: the file was cut short while in use.`);
  switch (info.dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer);
    case 'F64':
      return new Float64Array(bytes.buffer);
    case 'F16':
      return widenFloat16(new Uint16Array(bytes.buffer));
    case 'BF16':
      return widenBfloat16(new Uint16Array(bytes.buffer));
    default:
      return null;
  }
}
