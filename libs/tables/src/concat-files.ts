import { writeParquetParts } from './parquet-write.ts';
import { readTableParts } from './read-table.ts';

/** Puts the tables of files one below the other into a Parquet file, with no more than a row group of them in memory. */
export function concatTableFiles(parts: readonly string[], to: string): Promise<void> {
  return writeParquetParts(to, async (append) => {
    for (const part of parts) for await (const table of readTableParts(part)) await append(table);
  });
}
