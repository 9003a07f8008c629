import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type JsonObject, UserError } from '@sonde/base';
import type { ExternalData } from '@sonde/onnx';
import { writeAt } from '../write-at.ts';
import { int4, int8 } from './blockwise.ts';
import type { Format, LinearShape } from './format.ts';
import { nf4 } from './nf4.ts';
import { areFinite, findNonFinite, roundTo } from './precision.ts';
import type { StoredRows } from './rows.ts';
import type { Quantization, WeightDtype } from './words.ts';

const FORMATS: Readonly<Record<Quantization, Format>> = { nf4, int8, int4 };

/** Raised when the same checkpoint gives a file with other bytes, so that none which is kept is taken for it. */
const REVISION = 1;

const ALIGNMENT = 64;

/** A weight to quantise. */
export interface QuantizedWeight {
  readonly name: string;
  /** [out, in], however it is stored. */
  readonly shape: LinearShape;
  readonly rows: StoredRows;
}

/**
 * Keeps a file from one loading to the next.
 * @param content all that its bytes depend on, beside the checkpoint
 * @param write writes it at a path
 * @returns where it lies, not to be written to; null where it cannot be kept
 */
export type KeepFile = (content: JsonObject, write: (path: string) => Promise<void>) => Promise<string | null>;

/** A file of quantised weights: first all are given a place, while the graph is built; then it is written. */
export interface QuantizedFile {
  /** Its name beside the graph. */
  readonly location: string;
  /** How the weights of blocks are quantised; null: they are not. */
  readonly format: Format | null;
  place(weight: QuantizedWeight, format: Format): { codes: ExternalData; scales: ExternalData };
  /** What was placed so far: how many numbers, and in how many bytes. */
  placed(): { readonly numbers: number; readonly bytes: number };
  /** All that the file's bytes depend on, beside the checkpoint. */
  content(): JsonObject;
  /** Quantises the weights that were placed, a part at a time. @throws UserError if one holds what is not finite */
  write(path: string): Promise<void>;
}

/** @param dtype what weights are rounded to before they are quantised */
export function planQuantizedFile(
  location: string,
  quantization: Quantization | null,
  dtype: WeightDtype | null,
): QuantizedFile {
  const plan: (QuantizedWeight & { readonly format: Format; readonly codesAt: number; readonly scalesAt: number })[] =
    [];
  let end = 0;
  const take = (dims: readonly number[], bytes: number): ExternalData => {
    const length = dims.reduce((product, size) => product * size, bytes);
    const where = { location, offset: end, length };
    end = Math.ceil((end + length) / ALIGNMENT) * ALIGNMENT;
    return where;
  };
  return {
    location,
    format: quantization === null ? null : FORMATS[quantization],
    place(item, format) {
      const codes = take(format.codes(item.shape), 1);
      const scales = take(format.scales(item.shape), 4);
      plan.push({ ...item, format, codesAt: codes.offset, scalesAt: scales.offset });
      return { codes, scales };
    },
    placed: () => ({ numbers: plan.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0), bytes: end }),
    content() {
      const layout = plan.map(({ name, shape, format, rows }) => [name, shape, format.name, rows.layout.transposed]);
      const digest = createHash('sha256').update(JSON.stringify(layout)).digest('hex');
      return { revision: REVISION, quantization, dtype, layout: `sha256:${digest}` };
    },
    async write(path) {
      if (plan.length === 0) return;
      const handle = await open(path, 'w');
      try {
        await handle.truncate(end);
        for (const item of plan) {
          let { codesAt, scalesAt } = item;
          const { format, rows } = item;
          const columns = item.shape[1];
          for await (const stored of rows.read(format.rowStep(columns))) {
            const rounded = roundTo(dtype, stored);
            if (!areFinite(rounded)) {
              const what = findNonFinite(stored, dtype)!.what;
              throw new UserError('model', `${rows.path} cannot be quantised: weight "${item.name}" holds ${what}.`);
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
