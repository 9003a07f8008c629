import { readFloat32 } from '@sonde/tensors';
import { type Weight, weightName } from './checkpoint.ts';

/** Numbers that are read at a time: the event loop and the memory are free in between. */
const CHUNK = 1 << 21;

/** Reads [from, to) of a weight's first axis, dequantised if it is packed. @throws UserError if it does not hold floats */
export async function openWeight(weight: Weight): Promise<(from: number, to: number) => Promise<Float32Array>> {
  if (weight.packed) {
    const rows = await weight.packed.open();
    return async (from, to) => rows(from, to);
  }
  const name = weightName(weight);
  return async (from, to) => (await readFloat32(weight.file, name, [from, to])).data;
}

/** All numbers of a weight. @throws UserError likewise */
export async function readWeight(weight: Weight): Promise<Float32Array> {
  if (!weight.packed) return (await readFloat32(weight.file, weightName(weight))).data;
  return (await openWeight(weight))(0, weight.info.shape[0]!);
}

/** [first, past the last] of rows, by pieces of a moderate size, which is a multiple of `step` but for the last. */
export function* pieces(rows: number, columns: number, step: number): Generator<readonly [number, number]> {
  const count = step * Math.max(1, Math.floor(CHUNK / (step * columns)));
  for (let row = 0; row < rows; row += count) yield [row, Math.min(rows, row + count)];
}
