import { readTableParts, writeParquetParts } from '@sonde/tables';

/** Puts the tables of shards one below the other, with no more than a row group of them in memory. */
export const combineTables = (parts: readonly string[], to: string): Promise<void> =>
  writeParquetParts(to, async (append) => {
    for (const part of parts) for await (const table of readTableParts(part)) await append(table);
  });
