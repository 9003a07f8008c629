import { open } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { codeOf, UserError } from '@sonde/base';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet';
import { compressors as packed } from 'hyparquet-compressors';
import { columnOf } from './build.ts';
import { type LeafColumn, leafColumns, plainSchema } from './parquet-types.ts';
import { selectColumns, sliceRows } from './select.ts';
import { type Column, type ColumnInfo, column, type Table, tableFromColumns, type Value } from './table.ts';

export type ParquetInfo = {
  readonly rowCount: number;
  readonly columns: readonly ColumnInfo[];
  /** The texts that `writeParquet` was given, and those of other writers. */
  readonly metadata: Readonly<Record<string, string>>;
};

/**
 * Reads a Parquet file of any writer. Structs become dotted columns (`a.b`), lists that are not of 32-bit integers
 * become json, dates and times become ISO 8601 texts with all their digits (of no zone where they have none), decimals the
 * nearest floats, NaN null. Unsigned 64-bit integers are int64 where the file's statistics say that they fit, and
 * otherwise texts: no number is changed.
 *
 * @throws UserError if the file is damaged, encrypted, compressed in a way that is not read, or holds raw bytes.
 */
export async function readParquet(path: string, columns?: readonly string[]): Promise<Table> {
  const { file, metadata, close } = await openParquet(path);
  try {
    const leaves = await wantedLeaves(path, metadata, columns === undefined ? {} : { columns });
    const table = await readRows(path, file, metadata, leaves, 0, Number(metadata.num_rows));
    return columns === undefined ? table : selectColumns(table, columns);
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
    const leaves = await wantedLeaves(path, metadata, options);
    let given = false;
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      if (end > from && start < to) {
        given = true;
        const table = await readRows(path, file, metadata, leaves, start, end);
        yield from <= start && end <= to ? table : sliceRows(table, Math.max(0, from - start), to - start);
      }
      start = end;
    }
    if (!given) yield await readRows(path, file, metadata, leaves, 0, 0);
  } finally {
    await close();
  }
}

function leavesOf(metadata: FileMetaData): LeafColumn[] {
  return leafColumns(parquetSchema(metadata), fitsInt64(metadata));
}

/** Tells of a column of unsigned 64-bit integers whether the file's statistics show that all fit into signed ones. */
function fitsInt64({ row_groups }: FileMetaData): (path: readonly string[]) => boolean {
  const most = 2n ** 63n - 1n;
  return (path) =>
    row_groups.every(({ columns, num_rows }) => {
      if (num_rows === 0n) return true;
      const chunk = columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === path.join('.'));
      const { null_count, max_value, max = max_value } = chunk?.meta_data?.statistics ?? {};
      if (null_count !== undefined && BigInt(null_count) === BigInt(num_rows)) return true;
      return typeof max === 'bigint' && max <= most;
    });
}

async function wantedLeaves(path: string, metadata: FileMetaData, options: PartOptions): Promise<LeafColumn[]> {
  const all = await guarded(path, SCHEMA, async () => leavesOf(metadata));
  if (all.length === 0) throw new UserError('table', `${path} has no columns.`);
  const wanted = wantedColumns(all, options);
  return all.filter(({ name }) => wanted.has(name));
}

const SCHEMA = 'its footer does not describe a table';

/** Rows [start, end), which are whole row groups. */
async function readRows(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  leaves: readonly LeafColumn[],
  start: number,
  end: number,
): Promise<Table> {
  const columns: Column[] = [];
  // One column of the file after the other, so that what is wrong with one can name it.
  for (const source of new Set(leaves.map((leaf) => leaf.source))) {
    const rows = `rows ${start} to ${Math.max(start, end - 1)} of its column "${source}" cannot be decoded`;
    await guarded(path, rows, async () => {
      const chunks = end > start ? await readChunks(file, metadata, source, start, end) : [];
      for (const leaf of leaves.filter((one) => one.source === source)) {
        columns.push(columnFromChunks(leaf, chunks, end - start));
      }
    });
  }
  return tableFromColumns(columns);
}

type Chunk = { readonly start: number; readonly data: ArrayLike<unknown> };

/** The values of a top-level column, in the order of the rows. */
async function readChunks(
  file: AsyncBuffer,
  metadata: FileMetaData,
  source: string,
  rowStart: number,
  rowEnd: number,
): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  await parquetRead({
    file,
    metadata: { ...metadata, schema: plainSchema(metadata.schema) },
    rowStart,
    rowEnd,
    columns: [source],
    compressors: COMPRESSORS,
    parsers: parsersOf(source),
    onChunk: ({ columnData, rowStart: start }) => {
      chunks.push({ start, data: columnData });
    },
  });
  return chunks.sort((a, b) => a.start - b.start);
}

/** Besides snappy and none, which the reader knows itself. */
const COMPRESSORS: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
  ZSTD: packed.ZSTD!,
  LZ4: packed.LZ4!,
  LZ4_RAW: packed.LZ4_RAW!,
};

/** What a Parquet file holds, without reading its values. @throws UserError if it is damaged. */
export async function readParquetInfo(path: string): Promise<ParquetInfo> {
  const { metadata, close } = await openParquet(path);
  await close();
  return {
    rowCount: Number(metadata.num_rows),
    columns: (await guarded(path, SCHEMA, async () => leavesOf(metadata))).map(({ name, type }) => ({ name, type })),
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
    const metadata = await guarded(path, 'its footer is not one of a Parquet file', () => parquetMetadataAsync(file));
    refuseNamedRange(path, metadata);
    return { file, metadata, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** pandas writes an index of consecutive numbers as a note alone: its name says that somebody reads it as a column. */
function refuseNamedRange(path: string, { key_value_metadata = [] }: FileMetaData): void {
  const note = key_value_metadata.find(({ key }) => key === 'pandas')?.value;
  const name = /"kind": ?"range", ?"name": ?"((?:[^"\\]|\\.)*)"/.exec(note ?? '')?.[1];
  if (name === undefined) return;
  throw new UserError(
    'table',
    `${path} has the index "${name}" of pandas, which is written as a note and is no column of the file.`,
    'Write it as one: `df.reset_index().to_parquet(…)`; or drop its name: `df.rename_axis(None)`.',
  );
}

/** What is said here, and what the reader says of a file that is whole. Else it stumbled over bytes. */
const SAYS_WHAT = /^(?:column "|it ends too early$)|(?:un|not )supported|encrypt/;

/** `damage` says what is the matter where the reader stumbles over the bytes and can say nothing itself. */
async function guarded<T>(path: string, damage: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError || codeOf(error) !== undefined) throw error;
    const said = error instanceof Error ? error.message : String(error);
    const codec = /unsupported compression codec: (\w+)/.exec(said)?.[1];
    if (codec !== undefined) {
      throw new UserError(
        'table',
        `${path} is compressed with ${codec}, which is not read.`,
        'Write it with another codec: zstd, snappy, gzip, brotli, lz4, or none.',
      );
    }
    const reason = SAYS_WHAT.test(said) ? said.replace(/\.$/, '') : `${damage}; the file is damaged`;
    throw new UserError('table', `${path} cannot be read as Parquet: ${reason}.`, undefined, { cause: error });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Texts must be UTF-8, and times keep all their digits. */
function parsersOf(source: string): Partial<ParquetParsers> {
  const text = (bytes: Uint8Array | undefined): string | undefined => {
    if (!bytes) return undefined;
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Error(
        `column "${source}" holds bytes that are not UTF-8 text (images, say); leave it out with \`table/import\` and \`columns\``,
      );
    }
  };
  return {
    stringFromBytes: text,
    jsonFromBytes: text,
    dateFromDays: (days) => isoSecond(BigInt(days) * 86_400n, source).slice(0, 10),
    timestampFromMilliseconds: (millis) => isoTime(millis, 3, source),
    timestampFromMicroseconds: (micros) => isoTime(micros, 6, source),
    timestampFromNanoseconds: (nanos) => isoTime(nanos, 9, source),
  };
}

/** @param digits of a second that the count has */
function isoTime(count: bigint | undefined, digits: 3 | 6 | 9, name: string): string | undefined {
  if (count === undefined) return undefined;
  const perSecond = 10n ** BigInt(digits);
  const rest = ((count % perSecond) + perSecond) % perSecond;
  return `${isoSecond((count - rest) / perSecond, name)}.${String(rest).padStart(digits, '0')}Z`;
}

/** Seconds since 1970 as `2026-11-27T12:00:00`. */
function isoSecond(seconds: bigint, name: string): string {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) throw new Error(`column "${name}" holds a time beyond the years ±275760`);
  return date.toISOString().slice(0, -5);
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
