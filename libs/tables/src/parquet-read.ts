import { open } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { codeOf, UserError } from '@sonde/base';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import { columnOf } from './build.ts';
import { type LeafColumn, leafColumns } from './parquet-types.ts';
import { sliceRows } from './select.ts';
import { type Column, type ColumnInfo, column, type Table, tableFromColumns, type Value } from './table.ts';

export type ParquetInfo = {
  readonly rowCount: number;
  readonly columns: readonly ColumnInfo[];
  /** The texts that `writeParquet` was given, and those of other writers. */
  readonly metadata: Readonly<Record<string, string>>;
};

/**
 * Reads a Parquet file of any writer. Structs become dotted columns (`a.b`), lists that are not of 32-bit integers
 * become json, dates and times become ISO 8601 texts, NaN becomes null.
 *
 * @throws UserError if the file is damaged, encrypted, compressed in a way that is not read, or holds raw bytes.
 */
export async function readParquet(path: string): Promise<Table> {
  const { file, metadata, close } = await openParquet(path);
  try {
    return await guarded(path, () => readRows(file, metadata, leavesOf(metadata), 0, Number(metadata.num_rows)));
  } finally {
    await close();
  }
}

/** Which part of a table is read. */
export interface PartOptions {
  /** Only these columns; one that is not there is an error. */
  readonly columns?: readonly string[];
  /** With `columns`: these too, where the table has them. */
  readonly optional?: readonly string[];
  /** With `columns`: all whose names begin with one of these, too. */
  readonly prefixes?: readonly string[];
  /** Rows [start, end). */
  readonly rows?: readonly [number, number];
}

/** Of a table's columns, those that are wanted, in the table's order. @throws UserError for one that is not there */
export function wantedColumns(
  all: readonly ColumnInfo[],
  { columns, optional = [], prefixes = [] }: PartOptions,
): Set<string> {
  if (columns === undefined) return new Set(all.map(({ name }) => name));
  const empty = { columns: all.map(({ name }): Column => ({ name, type: 'json', values: [] })), rowCount: 0 };
  for (const name of columns) column(empty, name);
  const wanted = new Set([...columns, ...optional]);
  const isWanted = (name: string): boolean => wanted.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
  return new Set(all.map(({ name }) => name).filter(isWanted));
}

/** Reads a Parquet file row group by row group: only one is in memory at a time. @throws UserError as `readParquet` */
export async function* readParquetParts(path: string, options: PartOptions = {}): AsyncGenerator<Table> {
  const { file, metadata, close } = await openParquet(path);
  try {
    const [from, to] = options.rows ?? [0, Number(metadata.num_rows)];
    const all = await guarded(path, async () => leavesOf(metadata));
    const wanted = wantedColumns(all, options);
    const leaves = all.filter(({ name }) => wanted.has(name));
    let given = false;
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      if (end > from && start < to) {
        given = true;
        const table = await guarded(path, () => readRows(file, metadata, leaves, start, end));
        yield from <= start && end <= to ? table : sliceRows(table, Math.max(0, from - start), to - start);
      }
      start = end;
    }
    if (!given) yield await guarded(path, () => readRows(file, metadata, leaves, 0, 0));
  } finally {
    await close();
  }
}

const leavesOf = (metadata: FileMetaData): LeafColumn[] => leafColumns(parquetSchema(metadata));

/** Rows [start, end), which are whole row groups. */
async function readRows(
  file: AsyncBuffer,
  metadata: FileMetaData,
  leaves: readonly LeafColumn[],
  start: number,
  end: number,
): Promise<Table> {
  const chunks = new Map<string, Chunk[]>();
  if (end > start) await readChunks(file, metadata, leaves, start, end, chunks);
  return tableFromColumns(leaves.map((leaf) => columnFromChunks(leaf, chunks.get(leaf.source) ?? [], end - start)));
}

type Chunk = { readonly start: number; readonly data: ArrayLike<unknown> };

/** The values of each top-level column, in the order of the rows. */
async function readChunks(
  file: AsyncBuffer,
  metadata: FileMetaData,
  leaves: readonly LeafColumn[],
  rowStart: number,
  rowEnd: number,
  chunks: Map<string, Chunk[]>,
): Promise<void> {
  await parquetRead({
    file,
    metadata,
    rowStart,
    rowEnd,
    columns: [...new Set(leaves.map(({ source }) => source))],
    compressors: { GZIP: (bytes) => gunzipSync(bytes), BROTLI: (bytes) => brotliDecompressSync(bytes) },
    parsers: { stringFromBytes: strictText, dateFromDays: isoDay },
    onChunk: ({ columnName, columnData, rowStart }) => {
      const list = chunks.get(columnName) ?? [];
      list.push({ start: rowStart, data: columnData });
      chunks.set(columnName, list);
    },
  });
  for (const list of chunks.values()) list.sort((a, b) => a.start - b.start);
}

/** What a Parquet file holds, without reading its values. @throws UserError if it is damaged. */
export async function readParquetInfo(path: string): Promise<ParquetInfo> {
  const { metadata, close } = await openParquet(path);
  await close();
  return {
    rowCount: Number(metadata.num_rows),
    columns: (await guarded(path, async () => leavesOf(metadata))).map(({ name, type }) => ({ name, type })),
    metadata: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
  };
}

/** A file opened once, however many of its parts are read at a time. */
async function openParquet(
  path: string,
): Promise<{ file: AsyncBuffer; metadata: FileMetaData; close: () => Promise<void> }> {
  const handle = await open(path, 'r');
  const close = () => handle.close();
  try {
    const { size: byteLength } = await handle.stat();
    if (byteLength === 0) throw new UserError('table', `${path} is empty; a table was expected.`);
    const slice = async (start: number, end = byteLength): Promise<ArrayBuffer> => {
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) throw new Error('it ends too early');
        done += bytesRead;
      }
      return bytes.buffer;
    };
    const file = { byteLength, slice };
    return { file, metadata: await guarded(path, () => parquetMetadataAsync(file)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError || codeOf(error) === 'ENOENT') throw error;
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    throw new UserError('table', `${path} cannot be read as Parquet: ${reason}.`, undefined, { cause: error });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function strictText(bytes: Uint8Array | undefined): string | undefined {
  if (!bytes) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Error('a text column holds bytes that are not UTF-8');
  }
}

function isoDay(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, 10);
}

function columnFromChunks(leaf: LeafColumn, chunks: readonly Chunk[], rowCount: number): Column {
  const values: Value[] = [];
  let { type } = leaf;
  for (const { data } of chunks) {
    for (let i = 0; i < data.length; i++) {
      const value = leaf.value(data[i]);
      // A list with a null in it, or with an integer too wide, cannot be list<int32>.
      if (type === 'list<int32>' && value !== null && !isIntList(value)) type = 'json';
      values.push(value);
    }
  }
  if (values.length !== rowCount) {
    throw new Error(`column "${leaf.name}" has ${values.length} rows of ${rowCount}`);
  }
  return columnOf(leaf.name, type, values);
}

function isIntList(value: Value): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'number' && (item | 0) === item);
}
