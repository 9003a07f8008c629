import {
  type Column,
  type ColumnType,
  type Table,
  tableFromColumns,
  writeParquet,
  writeParquetParts,
} from '@sonde/tables';
import { type Columns, familyOf, type RowWith, type TableFormat } from './column.ts';

type Cells = Readonly<Record<string, unknown>>;

type NamesOf<C extends Columns> = keyof C & string;
type FamilyOf<N extends string> = N extends `${infer Family}.<${string}>` ? Family : never;
type SometimesOf<C extends Columns> = {
  [N in NamesOf<C>]: C[N] extends { readonly only: string } ? N : never;
}[NamesOf<C>];

/** What a table has of what its format leaves open. */
export interface WriteOptions<C extends Columns = Columns> {
  /** The members of each family, in order: `{ score: ['TOXICITY'] }`. */
  readonly families?: Readonly<Partial<Record<FamilyOf<NamesOf<C>>, readonly string[]>>>;
  /** Which of the columns that are not in every table it has. */
  readonly with?: readonly SometimesOf<C>[];
  /** Columns of a source, kept as they are: before its own, and after them. */
  readonly before?: readonly Column[];
  readonly after?: readonly Column[];
}

/** A table of rows, with the columns of its format. */
export function tableOf<C extends Columns>(
  format: TableFormat<C>,
  rows: readonly RowWith<C>[],
  options: WriteOptions<C> = {},
): Table {
  const cells = rows as readonly Cells[];
  const present = new Set<string>(options.with);
  const families = new Map<string, readonly string[]>(Object.entries(options.families ?? {}));
  const columns = Object.entries(format.columns).flatMap(([name, { type, only }]): Column[] => {
    if (only !== undefined && !present.has(name)) return [];
    const family = familyOf(name);
    if (family === undefined) return [columnOf(name, type, cells, (row) => row[name])];
    return (families.get(family) ?? []).map((member) =>
      columnOf(`${family}.${member}`, type, cells, (row) => (row[family] as Cells)[member]),
    );
  });
  return tableFromColumns([...(options.before ?? []), ...columns, ...(options.after ?? [])]);
}

/** Writes rows as a Parquet file. @throws UserError naming column and row of a value that the column cannot hold */
export function writeRows<C extends Columns>(
  path: string,
  format: TableFormat<C>,
  rows: readonly RowWith<C>[],
  options: WriteOptions<C> = {},
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
  options: WriteOptions<C> = {},
): Promise<void> {
  return writeParquetParts(path, async (append) => {
    // A table of no rows has its columns all the same.
    await append(tableOf(format, [], options));
    await work((rows) => append(tableOf(format, rows, options)));
  });
}

function columnOf(name: string, type: ColumnType, rows: readonly Cells[], read: (row: Cells) => unknown): Column {
  return { name, type, values: rows.map(read) } as Column;
}
