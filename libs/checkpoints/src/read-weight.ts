import { readFloat32 } from '@sonde/tensors';
import { type Weight, weightName } from './checkpoint.ts';

/** Numbers that are read at a time: the event loop and the memory are free in between. */
const CHUNK = 1 << 21;

/** All numbers of a weight, dequantised if it is packed. @throws UserError if it is not of a floating-point type */
export async function readWeight(weight: Weight): Promise<Float32Array> {
  if (!weight.packed) return (await readFloat32(weight.file, weightName(weight))).data;
  const rows = await weight.packed.open();
  return rows(0, weight.info.shape[0]!);
}

/** The rows of a weight of two dimensions, a multiple of `step` at a time. @throws UserError likewise */
export async function* readInRows(weight: Weight, step: number): AsyncGenerator<Float32Array> {
  const [rows, columns] = weight.info.shape as readonly [number, number];
  const read = weight.packed ? await weight.packed.open() : null;
  const count = step * Math.max(1, Math.floor(CHUNK / (step * columns)));
  for (let row = 0; row < rows; row += count) {
    const end = Math.min(rows, row + count);
    yield read ? read(row, end) : (await readFloat32(weight.file, weightName(weight), [row, end])).data;
  }
}
