import { Readable } from 'node:stream';
import { UserError } from '@sonde/base';
import { CsvError, parse } from 'csv-parse';
import { columnOf } from './build.ts';
import { lineBlocks } from './lines.ts';
import type { IsMissing } from './missing.ts';
import { type Column, isInt32, type Table, tableFromColumns } from './table.ts';

/**
 * Reads comma- or tab-separated text with a header line; where the header has semicolons and no comma, those separate.
 * An empty field is null, a quoted empty field (`""`) an empty text. A column is of numbers or booleans where every
 * field is one, quoted or not; a number with leading zeros is text. Names of columns lose the spaces around them; where
 * the header has a space after each comma, values lose it too. Spaces between a comma and a quote are never part of a
 * value.
 *
 * @throws UserError with file and line for a row of another length than the header, a broken quote, a header that names a
 *   column twice or whose fields are separated otherwise.
 */
export async function readCsv(path: string, separator: ',' | '\t' = ',', isMissing?: IsMissing): Promise<Table> {
  const style = styleOf(await firstLine(path), separator);
  try {
    return await readRecords(path, style, blockBytes(path), isMissing);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    if (error.code !== 'INVALID_OPENING_QUOTE') throw notCsv(path, error);
  }
  try {
    const blocks = withoutSpacesBeforeQuotes(blockBytes(path), style.delimiter);
    return await readRecords(path, style, blocks, isMissing);
  } catch (error) {
    throw error instanceof CsvError ? notCsv(path, error) : error;
  }
}

interface Style {
  readonly delimiter: ',' | '\t' | ';';
  /** Values lose the spaces before them. */
  readonly spaced: boolean;
}

async function readRecords(
  path: string,
  { delimiter, spaced }: Style,
  blocks: AsyncIterable<Uint8Array>,
  isMissing?: IsMissing,
): Promise<Table> {
  let names: string[] | undefined;
  const fields: (string | null)[][] = [];
  /** The line on which each record begins, the header's among them. */
  const lines: number[] = [];
  const parser = parse({
    delimiter,
    skip_empty_lines: true,
    ltrim: spaced,
    cast: (value, { quoting, index, lines: lineOfEnd }) => {
      if (index === 0) lines.push(lineOfEnd - newlines(value));
      return value === '' && !quoting ? null : value;
    },
  });
  const source = Readable.from(blocks);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  for await (const record of parser as AsyncIterable<(string | null)[]>) {
    if (!names) {
      names = record.map((name, index) => name?.trim() || `column_${index + 1}`);
      checkHeader(path, names);
      fields.push(...names.map(() => []));
      continue;
    }
    for (const [index, values] of fields.entries()) {
      const field = record[index] ?? null;
      values.push(isMissing?.(names[index] as string, field) === true ? null : field);
    }
  }
  if (!names) throw new UserError('table', `${path} is empty; a header line was expected.`);
  const columns = names.map((name, index) => typedColumn(name, fields[index] as (string | null)[]));
  return { ...tableFromColumns(columns), placeOf: (row) => `${path}:${lines[row + 1]}` };
}

function checkHeader(path: string, names: readonly string[]): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    throw new UserError('table', `${path}:1: two columns are named "${twice}"; names must be unique.`);
  const [only = ''] = names;
  const between = names.length === 1 ? /[\t|]/.exec(only)?.[0] : undefined;
  if (between === undefined) return;
  throw new UserError(
    'table',
    `${path}:1: one column is named ${JSON.stringify(only)}: its fields seem to be separated by ${between === '|' ? '`|`' : 'tabs'}.`,
    between === '|' ? 'Separate them by commas, semicolons or tabs.' : 'Name the file .tsv.',
  );
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

function notCsv(path: string, error: CsvError): UserError {
  return new UserError(
    'table',
    `${path}:${lineOf(error)}: not CSV: ${error.message.replace(/\.$/, '')}.`,
    'A field that holds a comma, a quote or a line break stands in double quotes, with nothing but spaces before them, and quotes in it are doubled.',
  );
}

const [SPACE, QUOTE, NEWLINE, RETURN] = [0x20, 0x22, 0x0a, 0x0d];

/** Where in a record a byte stands: before a field, in a quoted one, after a quote in one, in any other. */
type Place = 'begin' | 'quoted' | 'closing' | 'field';

/** Leaves out the spaces between a delimiter and a quote; all other bytes stay. */
async function* withoutSpacesBeforeQuotes(blocks: AsyncIterable<Buffer>, delimiter: string): AsyncGenerator<Buffer> {
  const between = delimiter.charCodeAt(0);
  let place: Place = 'begin';
  let spaces = 0;
  for await (const block of blocks) {
    const kept = Buffer.alloc(spaces + block.length);
    let length = 0;
    for (const byte of block) {
      if (place === 'begin' && byte === SPACE) {
        spaces++;
        continue;
      }
      if (place !== 'begin' || byte !== QUOTE) {
        kept.fill(SPACE, length, length + spaces);
        length += spaces;
      }
      spaces = 0;
      kept[length++] = byte;
      place = placeAfter(byte, place, between);
    }
    yield kept.subarray(0, length);
  }
  yield Buffer.alloc(spaces, SPACE);
}

function placeAfter(byte: number, place: Place, delimiter: number): Place {
  if (byte === QUOTE) return place === 'quoted' ? 'closing' : place === 'field' ? 'field' : 'quoted';
  if (place === 'quoted') return 'quoted';
  return byte === delimiter || byte === NEWLINE || byte === RETURN ? 'begin' : 'field';
}

async function firstLine(path: string): Promise<string> {
  for await (const { bytes } of lineBlocks(path)) return bytes.toString('utf8').trimStart().split('\n', 1)[0] ?? '';
  return '';
}

function styleOf(header: string, separator: ',' | '\t'): Style {
  const bare = header.replace(/"[^"]*"/g, '""');
  const delimiter = separator === ',' && !bare.includes(',') && bare.includes(';') ? ';' : separator;
  const spaced =
    delimiter !== '\t' &&
    bare.includes(delimiter) &&
    bare
      .split(delimiter)
      .slice(1)
      .every((name) => /^ /.test(name));
  return { delimiter, spaced };
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
  // A longer integer is more likely an identifier than a measurement, and no float holds it exactly; nor 1e999.
  if (every((text) => NUMBER.test(text) && !/^-?\d{16,}$/.test(text) && Number.isFinite(Number(text)))) {
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
