import {
  type Column,
  type ColumnType,
  type Table,
  tableFromColumns,
  writeParquet,
  writeParquetParts,
} from '@sonde/tables';
import { type Columns, familyOf, type RowWith, type TableFormat } from './column.ts';

/** What a table has of what its format leaves open. */
export interface WriteOptions {
  /** The members of each family, in order: `{ score: ['TOXICITY'] }`. */
  readonly families?: Readonly<Record<string, readonly string[]>>;
  /** Which of the columns that are not in every table it has. */
  readonly with?: readonly string[];
}

/** A table of rows, with the columns of its format. */
export function tableOf<C extends Columns>(
  format: TableFormat<C>,
  rows: readonly RowWith<C>[],
  options: WriteOptions = {},
): Table {
  const cells = rows as readonly Readonly<Record<string, unknown>>[];
  const columns = Object.entries(format.columns).flatMap(([name, { type, only }]): Column[] => {
    if (only !== undefined && options.with?.includes(name) !== true) return [];
    const family = familyOf(name);
    if (family === undefined)
      return [
        columnOf(
          name,
          type,
          cells.map((row) => row[name]),
        ),
      ];
    return (options.families?.[family] ?? []).map((member) =>
      columnOf(
        `${family}.${member}`,
        type,
        cells.map((row) => (row[family] as Readonly<Record<string, unknown>>)[member]),
      ),
    );
  });
  return tableFromColumns(columns);
}

/** Writes rows as a Parquet file. @throws UserError naming column and row of a value that the column cannot hold */
export function writeRows<C extends Columns>(
  path: string,
  format: TableFormat<C>,
  rows: readonly RowWith<C>[],
  options: WriteOptions = {},
): Promise<void> {
  return writeParquet(path, tableOf(format, rows, options));
}

/**
 * Writes rows that need not be in memory at once: `work` appends them. The bytes are those of `writeRows` with all of
 * them.
 */
export function writeRowParts<C extends Columns>(
  path: string,
  format: TableFormat<C>,
  work: (append: (rows: readonly RowWith<C>[]) => Promise<void>) => Promise<void>,
  options: WriteOptions = {},
): Promise<void> {
  return writeParquetParts(path, async (append) => {
    // A table of no rows has its columns all the same.
    await append(tableOf(format, [], options));
    await work((rows) => append(tableOf(format, rows, options)));
  });
}

function columnOf(name: string, type: ColumnType, values: readonly unknown[]): Column {
  return { name, type, values } as Column;
}
