import { Readable } from 'node:stream';
import { UserError } from '@sonde/base';
import { CsvError, parse } from 'csv-parse';
import { columnOf, wellFormed } from './build.ts';
import { lineBlocks } from './lines.ts';
import { type Column, isInt32, type Table, tableFromColumns } from './table.ts';

/**
 * Reads comma- or tab-separated text with a header line. An empty field is null, a quoted empty field (`""`) an
 * empty text. A column is of numbers or booleans where every field is one; a number with leading zeros is text.
 *
 * @throws UserError with file and line for a row of another length than the header, a broken quote or a
 *   header that names a column twice.
 */
export async function readCsv(path: string, delimiter: ',' | '\t' = ','): Promise<Table> {
  let names: string[] | undefined;
  const fields: (string | null)[][] = [];
  const parser = parse({
    delimiter,
    skip_empty_lines: true,
    cast: (value, { quoting }) => (value === '' && !quoting ? null : wellFormed(value)),
  });
  const source = Readable.from(blockBytes(path));
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    for await (const record of parser as AsyncIterable<(string | null)[]>) {
      if (!names) {
        names = record.map((name, index) => name ?? `column_${index + 1}`);
        fields.push(...names.map(() => []));
        continue;
      }
      fields.forEach((values, index) => {
        values.push(record[index] ?? null);
      });
    }
  } catch (error) {
    if (error instanceof CsvError) throw new UserError('table', `${path}:${lineOf(error)}: not CSV: ${error.message}.`);
    throw error;
  }
  if (!names) throw new UserError('table', `${path} is empty; a header line was expected.`);
  return tableFromColumns(names.map((name, index) => typedColumn(name, fields[index] as (string | null)[])));
}

async function* blockBytes(path: string): AsyncGenerator<Buffer> {
  for await (const { bytes } of lineBlocks(path)) yield bytes;
}

function lineOf(error: CsvError): string {
  return typeof error.lines === 'number' ? String(error.lines) : '?';
}

const INTEGER = /^-?(?:0|[1-9]\d{0,15})$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const BOOLEAN = /^(?:true|false)$/i;

function typedColumn(name: string, fields: readonly (string | null)[]): Column {
  const every = (test: (text: string) => boolean): boolean => fields.every((field) => field === null || test(field));
  if (fields.every((field) => field === null)) return columnOf(name, 'string', fields);
  if (every((text) => INTEGER.test(text) && Number.isSafeInteger(Number(text)))) {
    const type = every((text) => isInt32(Number(text))) ? 'int32' : 'int64';
    return columnOf(
      name,
      type,
      fields.map((field) => (field === null ? null : Number(field))),
    );
  }
  // A longer integer is more likely an identifier than a measurement, and no float holds it exactly.
  if (every((text) => NUMBER.test(text) && !/^-?\d{16,}$/.test(text))) {
    return columnOf(
      name,
      'float64',
      fields.map((field) => (field === null ? null : Number(field))),
    );
  }
  if (every((text) => BOOLEAN.test(text))) {
    return columnOf(
      name,
      'boolean',
      fields.map((field) => (field === null ? null : field.toLowerCase() === 'true')),
    );
  }
  return columnOf(name, 'string', fields);
}
