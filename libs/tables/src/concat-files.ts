import { writeParquetParts } from './parquet-write.ts';
import { readTableParts } from './read-table.ts';

/** A table file, or its rows [start, end). */
export type TablePart = string | { readonly path: string; readonly rows: readonly [number, number] };

/**
 * Puts the tables of files, or some rows of them, one below the other into a Parquet file, with no more than a row group of
 * them in memory.
 */
export function concatTableFiles(parts: readonly TablePart[], to: string): Promise<void> {
  return writeParquetParts(to, async (append) => {
    for (const part of parts) {
      const { path, rows } = typeof part === 'string' ? { path: part } : part;
      for await (const table of readTableParts(path, rows && { rows })) await append(table);
    }
  });
}
