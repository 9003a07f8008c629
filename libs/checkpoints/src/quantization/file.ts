import { open } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import type { ExternalData } from '@sonde/onnx';
import type { Weight } from '../checkpoint.ts';
import { readInRows, readWeight } from '../read-weight.ts';
import { writeAt } from '../write-at.ts';
import { int4, int8 } from './blockwise.ts';
import type { Format, LinearShape } from './format.ts';
import { nf4 } from './nf4.ts';
import { areFinite, findNonFinite, roundTo } from './precision.ts';
import type { Quantization, WeightDtype } from './words.ts';

const FORMATS: Readonly<Record<Quantization, Format>> = { nf4, int8, int4 };

const ALIGNMENT = 64;

/** A weight to quantise. */
export interface QuantizedWeight {
  readonly name: string;
  readonly weight: Weight;
  /** [out, in], however it is stored. */
  readonly shape: LinearShape;
  /** Whether it is stored as [in, out]. */
  readonly transposed: boolean;
}

/** A file of quantised weights: first all are given a place, while the graph is built; then it is written. */
export interface QuantizedFile {
  /** Its name beside the graph. */
  readonly location: string;
  readonly format: Format;
  place(weight: QuantizedWeight): { codes: ExternalData; scales: ExternalData };
  /** Quantises the weights that were placed, a part at a time. @throws UserError if one holds what is not finite */
  write(path: string): Promise<void>;
}

function transpose(stored: Float32Array, [output, input]: LinearShape): Float32Array {
  const out = new Float32Array(stored.length);
  for (let i = 0; i < input; i++) {
    for (let o = 0; o < output; o++) out[o * input + i] = stored[i * output + o]!;
  }
  return out;
}

/** A weight as rows of [out, in], a multiple of `step` at a time; one that has to be transposed in one piece. */
async function* rowsOf({ weight, shape, transposed }: QuantizedWeight, step: number): AsyncGenerator<Float32Array> {
  if (transposed) yield transpose(await readWeight(weight), shape);
  else yield* readInRows(weight, step);
}

/** @param dtype what weights are rounded to before they are quantised */
export function planQuantizedFile(
  location: string,
  quantization: Quantization,
  dtype: WeightDtype | null,
): QuantizedFile {
  const format = FORMATS[quantization];
  const plan: (QuantizedWeight & { readonly codesAt: number; readonly scalesAt: number })[] = [];
  let end = 0;
  const take = (dims: readonly number[], bytes: number): ExternalData => {
    const length = dims.reduce((product, size) => product * size, bytes);
    const where = { location, offset: end, length };
    end = Math.ceil((end + length) / ALIGNMENT) * ALIGNMENT;
    return where;
  };
  return {
    location,
    format,
    place(item) {
      const codes = take(format.codes(item.shape), 1);
      const scales = take(format.scales(item.shape), 4);
      plan.push({ ...item, codesAt: codes.offset, scalesAt: scales.offset });
      return { codes, scales };
    },
    async write(path) {
      const handle = await open(path, 'w');
      try {
        await handle.truncate(end);
        for (const item of plan) {
          let { codesAt, scalesAt } = item;
          const columns = item.shape[1];
          for await (const stored of rowsOf(item, format.rowStep(columns))) {
            const rounded = roundTo(dtype, stored);
            if (!areFinite(rounded)) {
              const what = findNonFinite(stored, dtype)!.what;
              throw new UserError(
                'model',
                `${item.weight.file.path} cannot be quantised: weight "${item.name}" holds ${what}.`,
              );
            }
            const { codes, scales } = format.quantize(rounded, columns);
            await writeAt(handle, codes, codesAt);
            await writeAt(handle, scales, scalesAt);
            codesAt += codes.byteLength;
            scalesAt += scales.byteLength;
          }
        }
      } finally {
        await handle.close();
      }
    },
  };
}
