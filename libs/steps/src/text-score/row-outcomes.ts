import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Rows whose outcomes are read together. */
const ROWS = 131_072;
/** Bytes that are kept before they are written. */
const BUFFER = 1 << 18;

/** What a row of the table says of a text. */
export interface RowOutcome {
  readonly outcome: string;
  readonly scores: readonly (number | null)[];
}

/** A scorer's outcome, or why none was asked. */
interface Said {
  readonly outcome: string;
  readonly scores?: readonly (number | null)[];
}

/** The outcomes of a table's rows, which come in any order, on the disk. */
export interface RowOutcomes {
  put(row: number, said: Said): Promise<void>;
  /** Outcomes of the rows [start, end), in their order. */
  get(start: number, end: number): Promise<RowOutcome[]>;
}

/** One run of rows: a record is the row within it, the place of its word, and a score for each attribute, NaN for none. */
interface Bucket {
  readonly path: string;
  pending: Buffer[];
  bytes: number;
}

export function rowOutcomes(folder: string, attributes: number): RowOutcomes {
  const buckets = new Map<number, Bucket>();
  const words: string[] = [];
  const size = 8 + 8 * attributes;
  let read: { readonly at: number; readonly places: Uint32Array; readonly scores: Float64Array } | undefined;

  async function load(at: number): Promise<NonNullable<typeof read>> {
    const { path, pending } = buckets.get(at) ?? { path: '', pending: [] };
    const written = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const bytes = Buffer.concat([written, ...pending]);
    const places = new Uint32Array(ROWS);
    const scores = new Float64Array(ROWS * attributes).fill(Number.NaN);
    for (let from = 0; from < bytes.length; from += size) {
      const row = bytes.readUInt32LE(from);
      places[row] = bytes.readUInt32LE(from + 4);
      for (let i = 0; i < attributes; i++) scores[row * attributes + i] = bytes.readDoubleLE(from + 8 + 8 * i);
    }
    return { at, places, scores };
  }

  return {
    async put(row, { outcome, scores }) {
      const at = Math.floor(row / ROWS);
      const bucket = buckets.get(at) ?? { path: join(folder, `outcomes-${at}`), pending: [], bytes: 0 };
      buckets.set(at, bucket);
      let word = words.indexOf(outcome);
      if (word < 0) word = words.push(outcome) - 1;
      const record = Buffer.allocUnsafe(size);
      record.writeUInt32LE(row % ROWS, 0);
      record.writeUInt32LE(word, 4);
      for (let i = 0; i < attributes; i++) {
        record.writeDoubleLE(scores?.[i] ?? Number.NaN, 8 + 8 * i);
      }
      bucket.pending.push(record);
      bucket.bytes += size;
      if (bucket.bytes < BUFFER) return;
      const bytes = Buffer.concat(bucket.pending);
      bucket.pending = [];
      bucket.bytes = 0;
      await appendFile(bucket.path, bytes);
    },
    async get(start, end) {
      const found: RowOutcome[] = [];
      for (let row = start; row < end; row++) {
        const at = Math.floor(row / ROWS);
        if (read?.at !== at) read = await load(at);
        const place = row % ROWS;
        const scores = Array.from(read.scores.subarray(place * attributes, (place + 1) * attributes), (score) =>
          Number.isNaN(score) ? null : score,
        );
        found.push({ outcome: words[read.places[place]!]!, scores });
      }
      return found;
    },
  };
}
