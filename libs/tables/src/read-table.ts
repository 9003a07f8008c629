import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { systemFailure, UserError } from '@sonde/base';
import { readCsv } from './csv-read.ts';
import { readJsonArray, readJsonLines } from './json-read.ts';
import { type IsMissing, withoutMissing } from './missing.ts';
import { type PartOptions, readParquet, readParquetParts, wantedColumns } from './parquet-read.ts';
import { selectColumns, sliceRows } from './select.ts';
import type { Table } from './table.ts';

export type TableFormat = 'parquet' | 'jsonl' | 'json' | 'csv' | 'tsv';

export interface ReadOptions {
  /** Instead of what the content and the extension say. */
  readonly format?: TableFormat;
  /** Only these columns, in their order: of a Parquet file the others are not decoded. */
  readonly columns?: readonly string[];
  /** Which values of which column stand for a missing one: they become null, before the columns get their types. */
  readonly isMissing?: IsMissing;
}

/**
 * Reads a table from Parquet, JSON Lines, a JSON array of objects, CSV or TSV. The format is seen from the
 * content first (Parquet's magic bytes, `[`, `{`) and then from the file's extension, unless it is given.
 *
 * @throws UserError if the file is missing, empty, broken (with file:line where it is text) or of no known format.
 */
export async function readTable(path: string, options: ReadOptions = {}): Promise<Table> {
  const format = options.format ?? (await detectFormat(path));
  const { isMissing } = options;
  if (format === 'parquet') {
    const table = await readParquet(path, options.columns);
    return isMissing === undefined ? table : withoutMissing(table, isMissing);
  }
  const table = await readText(path, format, isMissing);
  return options.columns === undefined ? table : selectColumns(table, options.columns);
}

async function readText(path: string, format: Exclude<TableFormat, 'parquet'>, isMissing?: IsMissing): Promise<Table> {
  switch (format) {
    case 'jsonl':
      return readJsonLines(path, isMissing);
    case 'json':
      return readJsonArray(path, isMissing);
    case 'csv':
      return readCsv(path, ',', isMissing);
    case 'tsv':
      return readCsv(path, '\t', isMissing);
  }
}

/**
 * Reads a table part by part: Parquet by row groups, of which one is in memory at a time; other formats whole. At least
 * one table is given, so that the columns are known.
 *
 * @throws UserError as `readTable`, and for a column of `columns` that is not there
 */
export async function* readTableParts(path: string, options: PartOptions = {}): AsyncGenerator<Table> {
  if ((await detectFormat(path)) === 'parquet') {
    yield* readParquetParts(path, options);
    return;
  }
  const table = await readTable(path);
  const chosen = selectColumns(table, [...wantedColumns(table.columns, options)]);
  yield options.rows === undefined ? chosen : sliceRows(chosen, ...options.rows);
}

/** @throws UserError if the file is missing, a folder, empty or of no known format. */
export async function detectFormat(path: string): Promise<TableFormat> {
  const head = await readHead(path);
  const extension = extname(path).toLowerCase();
  if (head.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet';
  if (extension === '.parquet')
    throw new UserError('table', `${path} is named .parquet but does not begin as a Parquet file does.`);
  if (head[0] === 0x1f && head[1] === 0x8b)
    throw new UserError('table', `${path} is compressed (gzip); decompress it first.`);
  if (extension === '.csv') return 'csv';
  if (extension === '.tsv' || extension === '.tab') return 'tsv';
  const text = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (text === '') throw new UserError('table', `${path} is empty; a table was expected.`);
  if (text.startsWith('[')) return 'json';
  if (text.startsWith('{') || ['.jsonl', '.ndjson', '.json'].includes(extension)) return 'jsonl';
  const [firstLine = ''] = text.split('\n', 1);
  if (firstLine.includes('\t')) return 'tsv';
  if (/[,;]/.test(firstLine)) return 'csv';
  throw new UserError(
    'table',
    `${path} is of no known format; expected Parquet, JSON Lines, a JSON array, CSV or TSV.`,
  );
}

async function readHead(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
      if (bytesRead === 0) throw new UserError('table', `${path} is empty; a table was expected.`);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const failure = systemFailure(error);
    if (failure?.kind === 'path' || failure?.kind === 'permission') {
      throw new UserError('table', `${path} cannot be read as a table: ${failure.meaning}.`);
    }
    throw error;
  }
}
