import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UserError } from '@sonde/base';
import type { Table, Value } from './table.ts';

/**
 * Writes a header line and a line a row (RFC 4180, but with LF). Null is an empty field, an empty text `""`; lists
 * and json are written as JSON.
 *
 * @throws UserError naming column and row for NaN or an infinite number.
 */
export async function writeCsv(path: string, table: Table, delimiter: ',' | '\t' = ','): Promise<void> {
  await writeText(path, csvLines(table, delimiter));
}

/** Writes an object a line with every column, null where it is missing. @throws UserError as `writeCsv`. */
export async function writeJsonl(path: string, table: Table): Promise<void> {
  await writeText(path, jsonLines(table));
}

/** The lines that `writeCsv` writes, each with its line feed. */
export function* csvLines(table: Table, delimiter: ',' | '\t' = ','): Generator<string> {
  const line = (fields: readonly string[]): string => `${fields.join(delimiter)}\n`;
  yield line(table.columns.map((item) => quoted(item.name)));
  for (let row = 0; row < table.rowCount; row++) {
    yield line(
      table.columns.map((item) => {
        const value = item.values[row] as Value;
        if (value === null) return '';
        return typeof value === 'string' ? quoted(value) : quoted(jsonText(value, item.name, row));
      }),
    );
  }
}

/** The lines that `writeJsonl` writes, each with its line feed. */
export function* jsonLines(table: Table): Generator<string> {
  for (let row = 0; row < table.rowCount; row++) {
    const cells = table.columns.map(
      (item) => `${JSON.stringify(item.name)}:${jsonText(item.values[row] as Value, item.name, row)}`,
    );
    yield `{${cells.join(',')}}\n`;
  }
}

function jsonText(value: Value, name: string, row: number): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new UserError(
      'table',
      `Column "${name}", row ${row}: ${value} cannot be written as text; a missing value must be null.`,
    );
  }
  return JSON.stringify(value instanceof Int32Array ? [...value] : value);
}

function quoted(text: string): string {
  const bare = text !== '' && !/[",\t\r\n]/.test(text) && text.trim() === text;
  return bare ? text : `"${text.replaceAll('"', '""')}"`;
}

async function writeText(path: string, lines: Iterable<string>): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await pipeline(Readable.from(batches(lines)), createWriteStream(partial));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Few large writes rather than one a row. */
function* batches(lines: Iterable<string>): Generator<string> {
  let batch = '';
  for (const line of lines) {
    batch += line;
    if (batch.length > 1 << 20) {
      yield batch;
      batch = '';
    }
  }
  yield batch;
}
