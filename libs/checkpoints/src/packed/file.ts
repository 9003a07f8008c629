import { open } from 'node:fs/promises';
import type { ExternalData } from '@sonde/onnx';
import type { Weight } from '../checkpoint.ts';
import { openWeight, pieces } from '../read-weight.ts';
import { writeAt } from '../write-at.ts';

/** A file of weights that were packed, in float32, each once: first all are given a place, while the graph is built; then it is written. */
export interface UnpackedFile {
  /** Its name beside the graph. */
  readonly location: string;
  place(weight: Weight): ExternalData;
  /** Dequantises the weights that were placed, a part at a time; writes no file if there are none. */
  write(path: string): Promise<void>;
}

const ALIGNMENT = 64;

export function planUnpackedFile(location: string): UnpackedFile {
  const plan = new Map<Weight, ExternalData & { readonly offset: number }>();
  let end = 0;
  return {
    location,
    place(weight) {
      const known = plan.get(weight);
      if (known) return known;
      const where = { location, offset: end, length: weight.info.byteLength };
      plan.set(weight, where);
      end = Math.ceil((end + where.length) / ALIGNMENT) * ALIGNMENT;
      return where;
    },
    async write(path) {
      if (plan.size === 0) return;
      const handle = await open(path, 'w');
      try {
        await handle.truncate(end);
        for (const [weight, { offset: at }] of plan) {
          const [rows = 1, ...rest] = weight.info.shape;
          const columns = rest.reduce((product, size) => product * size, 1);
          const read = await openWeight(weight);
          for (const [from, to] of pieces(rows, columns, 1)) {
            await writeAt(handle, await read(from, to), at + 4 * from * columns);
          }
        }
      } finally {
        await handle.close();
      }
    },
  };
}
