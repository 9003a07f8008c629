import { UserError } from '@sonde/base';
import type { Checkpoint, Weight } from '@sonde/checkpoints';
import { type InitialWeight, initialWeights, type TrunkSizes } from '@sonde/networks';
import { randomNormals, randomStream } from '@sonde/numerics';
import { elementCount } from '@sonde/tensors';

/** The types whose numbers are drawn; codes of packed weights mean nothing by themselves. */
const FLOATS = ['F64', 'F32', 'F16', 'BF16'];

/**
 * A checkpoint with the same configuration, names and shapes, whose numbers are drawn as its class begins: what an
 * architecture alone, without training, would do. A row of a weight has its own stream, named by seed, weight and row,
 * so that its numbers depend on neither order nor size; they are drawn when they are read, a piece at a time.
 *
 * @throws UserError if its weights are not floats
 */
export function randomised(
  checkpoint: Checkpoint,
  architecture: string,
  { layers }: TrunkSizes,
  seed: number,
): Checkpoint {
  const initial = initialWeights(architecture, checkpoint.config, layers);
  const weights = [...checkpoint.weights].map(([name, weight]): [string, Weight] => {
    const { file, info } = weight;
    if (!weight.packed && !FLOATS.includes(info.dtype)) {
      throw new UserError(
        'model',
        `${file.path}: "${name}" is ${info.dtype}, for which no random weights can be drawn; use a checkpoint of the same shape in floats.`,
      );
    }
    const { shape } = info;
    const drawn = { ...info, dtype: 'F32' as const, byteLength: 4 * elementCount(shape) };
    const rows = drawnRows(name, shape, initial(name, shape), seed);
    return [name, { file, info: drawn, packed: { format: 'random', open: async () => rows } }];
  });
  return { ...checkpoint, weights: new Map(weights) };
}

/** Rows [from, to) along the first axis. */
function drawnRows(name: string, shape: readonly number[], initial: InitialWeight, seed: number) {
  const columns = elementCount(shape.slice(1));
  return (from: number, to: number): Float32Array => {
    const out = new Float32Array((to - from) * columns);
    if ('fill' in initial) return out.fill(initial.fill);
    for (let row = from; row < to; row++) {
      if (row === initial.zeroRow) continue;
      const of = out.subarray((row - from) * columns, (row - from + 1) * columns);
      randomNormals(randomStream(seed, `weights/${name}/${row}`), of, initial.standardDeviation);
    }
    return out;
  };
}
