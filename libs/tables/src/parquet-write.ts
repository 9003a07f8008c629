import { open, rename, rm } from 'node:fs/promises';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';
import { TableError } from './error.ts';
import { type Column, type ColumnType, checkValues, type Table } from './table.ts';

/**
 * Writes a Parquet file (version 2, Snappy). Equal tables give equal bytes, whatever arrays hold their values.
 * The file appears whole or not at all.
 *
 * @param metadata Texts kept in the file's footer under their names.
 * @throws TableError naming the column and row of a NaN or of another value that its column cannot hold.
 */
export async function writeParquet(
  path: string,
  table: Table,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const bytes = parquetBytes(table, metadata);
  const partial = `${path}.${process.pid}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function parquetBytes(table: Table, metadata: Readonly<Record<string, string>>): Uint8Array {
  if (table.columns.length === 0) throw new TableError('A table without columns cannot be written as Parquet.');
  for (const item of table.columns) checkValues(item);
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    schema: [{ name: 'schema', num_children: table.columns.length }, ...table.columns.flatMap(schemaOf)],
    columnData: table.columns.map((item) => ({
      name: item.name,
      data: plainValues(item),
      statistics: item.type !== 'json',
    })),
    kvMetadata: Object.keys(metadata)
      .sort()
      .map((key) => ({ key, value: metadata[key] as string })),
    createdBy: 'sonde',
  });
  return writer.getBytes();
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

function schemaOf({ name, type }: Column): SchemaElement[] {
  if (type !== 'list<int32>') return [{ name, repetition_type: 'OPTIONAL', ...PHYSICAL[type] }];
  return [
    { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', type: 'INT32' },
  ];
}

const encoder = new TextEncoder();

/** The same kind of array whatever the column holds, so that encoding choices and bytes are the same too. */
function plainValues(item: Column): unknown[] {
  switch (item.type) {
    case 'list<int32>':
      return item.values.map((list) => (list instanceof Int32Array ? Array.from(list) : list));
    case 'json':
      return item.values.map((value) => (value === null ? null : encoder.encode(JSON.stringify(value))));
    default:
      return Array.from<unknown>(item.values);
  }
}
