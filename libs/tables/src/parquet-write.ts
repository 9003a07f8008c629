import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { type Column, type ColumnInfo, type ColumnType, checkValues, type Table } from './table.ts';

/** Rows of the first row group, and of each one after it: what is buffered while a table is written. */
const FIRST_ROWS = 1000;
const GROUP_ROWS = 16_384;

/**
 * Writes a Parquet file (version 2, Snappy). Equal tables give equal bytes, whatever arrays hold their values.
 * The file appears whole or not at all.
 *
 * @param metadata Texts kept in the file's footer under their names.
 * @throws UserError naming the column and row of a NaN or of another value that its column cannot hold.
 */
export function writeParquet(
  path: string,
  table: Table,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  return writeParquetParts(path, (append) => append(table), metadata);
}

/**
 * Writes a table that need not be in memory at once: `work` appends its rows, tables one below the other, of which no
 * more than a row group is kept. The bytes are those of `writeParquet` with the whole table.
 *
 * @throws UserError as `writeParquet`, and where a table's columns are not those of the first; what `work` throws
 */
export async function writeParquetParts(
  path: string,
  work: (append: (table: Table) => Promise<void>) => Promise<void>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      const groups = rowGroups(file, metadata);
      await work(groups.append);
      await groups.finish();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Cuts rows into row groups, each written as soon as it is full. */
function rowGroups(file: FileHandle, metadata: Readonly<Record<string, string>>) {
  const bytes = new ByteWriter();
  let columns: { readonly info: ColumnInfo; values: unknown[] }[] | undefined;
  let writer: ParquetWriter | undefined;
  let rowsBefore = 0;

  const begin = (table: Table): void => {
    if (table.columns.length === 0)
      throw new UserError('table', 'A table without columns cannot be written as Parquet.');
    columns = table.columns.map(({ name, type }) => ({ info: { name, type }, values: [] }));
    writer = new ParquetWriter({
      writer: bytes,
      schema: [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(({ info }) => schemaOf(info))],
      kvMetadata: Object.keys(metadata)
        .sort()
        .map((key) => ({ key, value: metadata[key] as string })),
      createdBy: 'sonde',
    });
  };
  const flush = async (): Promise<void> => {
    await file.writeFile(bytes.getBytes());
    bytes.index = 0;
  };
  const writeGroup = async (count: number): Promise<void> => {
    writer!.write({
      columnData: columns!.map(({ info: { name, type }, values }) => ({
        name,
        data: values.slice(0, count),
        statistics: type !== 'json',
      })),
      rowGroupSize: count,
    });
    for (const item of columns!) item.values = item.values.slice(count);
    rowsBefore += count;
    await flush();
  };

  return {
    async append(table: Table): Promise<void> {
      if (columns === undefined) begin(table);
      requireColumns(
        table,
        columns!.map(({ info }) => info),
      );
      for (let start = 0; start < table.rowCount; ) {
        const pending = columns![0]!.values.length;
        const full = rowsBefore === 0 ? FIRST_ROWS : GROUP_ROWS;
        const end = Math.min(table.rowCount, start + full - pending);
        table.columns.forEach((item, i) => {
          appendPlain(columns![i]!.values, item, start, end);
        });
        if (pending + end - start === full) await writeGroup(full);
        start = end;
      }
    },
    async finish(): Promise<void> {
      if (columns === undefined) throw new UserError('table', 'A table without columns cannot be written as Parquet.');
      const pending = columns[0]!.values.length;
      if (pending > 0) await writeGroup(pending);
      writer!.finish();
      await flush();
    },
  };
}

/** @throws UserError where a table's columns are others than expected, or a value is none of its column's type */
function requireColumns(table: Table, expected: readonly ColumnInfo[]): void {
  const list = (columns: readonly ColumnInfo[]): string =>
    columns.map(({ name, type }) => `${name} (${type})`).join(', ');
  if (list(table.columns) !== list(expected)) {
    throw new UserError(
      'table',
      `Rows with the columns ${list(table.columns)} cannot follow rows with ${list(expected)}.`,
    );
  }
  for (const item of table.columns) checkValues(item);
}

const PHYSICAL: {
  [T in Exclude<ColumnType, 'list<int32>'>]: Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>;
} = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  json: { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  float64: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
};

function schemaOf({ name, type }: ColumnInfo): SchemaElement[] {
  if (type !== 'list<int32>') return [{ name, repetition_type: 'OPTIONAL', ...PHYSICAL[type] }];
  return [
    { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', type: 'INT32' },
  ];
}

const encoder = new TextEncoder();

/** Rows [start, end) as plain values: the same whatever holds them, so that encoding choices and bytes are the same too. */
function appendPlain(to: unknown[], item: Column, start: number, end: number): void {
  for (let row = start; row < end; row++) {
    const value = item.values[row] as unknown;
    if (item.type === 'list<int32>') to.push(value instanceof Int32Array ? Array.from(value) : value);
    else if (item.type === 'json') to.push(value === null ? null : encoder.encode(JSON.stringify(value)));
    else to.push(value);
  }
}
