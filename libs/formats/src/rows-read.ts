import { UserError } from '@sonde/base';
import { type Column, type PartOptions, readTableParts, type Table } from '@sonde/tables';
import { converter } from './cells.ts';
import { type ColumnSpec, type Columns, familyOf, type RowWith, type TableFormat } from './column.ts';

export interface ReadOptions<N extends string = string, O extends string = string> {
  /** Only these columns, each of which must be there; all that the format has if not given. */
  readonly columns?: readonly N[];
  /** With `columns`: these too, where the table has them. */
  readonly optional?: readonly O[];
  /** Rows [start, end). */
  readonly rows?: readonly [number, number];
  /** How messages call the table; its path if not given. */
  readonly what?: string;
}

/** A row as far as it was read. */
export type ReadRow<C extends Columns, N extends keyof C, O extends keyof C> = RowWith<Pick<C, N>> &
  Partial<RowWith<Pick<C, O>>>;

/**
 * Reads a table's rows, a row group at a time. Whole numbers of any width are numbers; columns that the format does not
 * know are passed over; where no columns are named, one that may be null may be missing: it is read as nulls.
 *
 * @throws UserError naming table, column and row where a column is missing or a value is not what the format says
 */
export async function* readRowParts<
  C extends Columns,
  N extends keyof C & string = keyof C & string,
  O extends keyof C & string = never,
>(path: string, format: TableFormat<C>, options: ReadOptions<N, O> = {}): AsyncGenerator<ReadRow<C, N, O>[]> {
  const columns: readonly string[] = options.columns ?? Object.keys(format.columns);
  const names = [...columns, ...(options.optional ?? [])];
  const isRequired = (name: string): boolean => {
    const { nullable, only } = format.columns[name]!;
    return familyOf(name) === undefined && only === undefined && (options.columns !== undefined || nullable !== true);
  };
  const reading: Reading = { what: options.what ?? path, format, names, required: columns.filter(isRequired) };
  const families = names.map(familyOf).filter((family) => family !== undefined);
  const part: PartOptions = {
    columns: [],
    optional: names,
    prefixes: families.map((family) => `${family}.`),
    ...(options.rows && { rows: options.rows }),
  };
  let before = options.rows?.[0] ?? 0;
  for await (const table of readTableParts(path, part)) {
    yield rowsIn(table, reading, before) as ReadRow<C, N, O>[];
    before += table.rowCount;
  }
}

/** All rows of a table. @throws UserError as `readRowParts` */
export async function readRows<
  C extends Columns,
  N extends keyof C & string = keyof C & string,
  O extends keyof C & string = never,
>(path: string, format: TableFormat<C>, options: ReadOptions<N, O> = {}): Promise<ReadRow<C, N, O>[]> {
  const rows: ReadRow<C, N, O>[] = [];
  for await (const part of readRowParts(path, format, options)) for (const row of part) rows.push(row);
  return rows;
}

interface Reading {
  readonly what: string;
  readonly format: TableFormat;
  readonly names: readonly string[];
  readonly required: readonly string[];
}

/** Gives a row's cell, as the row has it. */
type Cell = readonly [key: string, read: (row: number) => unknown];

/** @param before rows of the file before this part of it: messages count from its beginning */
function rowsIn(table: Table, { what, format, names, required }: Reading, before: number): Record<string, unknown>[] {
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const missing = required.find((name) => !columns.has(name));
  if (missing !== undefined) {
    throw new UserError(
      'input',
      `${what}: there is no column \`${missing}\``,
      `A table of ${format.name} is needed, as \`${format.madeBy.join('` and `')}\` gives it; \`${missing}\` is ${format.columns[missing]!.what}.`,
    );
  }
  const reader = (column: Column, spec: ColumnSpec): ((row: number) => unknown) =>
    converter(spec, column, (row, expected) => {
      return wrongValue(table.placeOf?.(row) ?? `${what}: row ${before + row}`, column, row, expected);
    });
  const cells = names.flatMap((name): Cell[] => {
    const spec = format.columns[name]!;
    const family = familyOf(name);
    if (family !== undefined) {
      const members = table.columns
        .filter((column) => column.name.startsWith(`${family}.`))
        .map((column) => [column.name.slice(family.length + 1), reader(column, spec)] as const);
      return [[family, (row) => Object.fromEntries(members.map(([member, read]) => [member, read(row)]))]];
    }
    const column = columns.get(name);
    if (column !== undefined) return [[name, reader(column, spec)]];
    return spec.only === undefined && spec.nullable === true ? [[name, () => null]] : [];
  });
  return Array.from({ length: table.rowCount }, (_, row) =>
    Object.fromEntries(cells.map(([key, read]) => [key, read(row)])),
  );
}

function wrongValue(place: string, { name, values }: Column, row: number, expected: string): UserError {
  const value = values[row] ?? null;
  if (value === null) return new UserError('input', `${place} has no \`${name}\``);
  const shown = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  return new UserError('input', `${place} has the \`${name}\` ${shown}; ${expected} was expected`);
}
