import { UserError } from '@sonde/base';
import { type TableBuilder, tableBuilder } from './build.ts';
import { Inexact, parseExact } from './json-exact.ts';
import { lineBlocks } from './lines.ts';
import type { IsMissing } from './missing.ts';
import { flatten } from './rows.ts';
import { show, type Table } from './table.ts';

/**
 * Reads JSON Lines: one object a line, blank lines skipped, nested objects flattened with dots.
 *
 * @throws UserError "file:317: not JSON: …" for the first bad line.
 */
export async function readJsonLines(path: string, isMissing?: IsMissing): Promise<Table> {
  const builder = tableBuilder((line) => `${path}:${line}`);
  for await (const { bytes, firstLine } of lineBlocks(path)) {
    let line = firstLine;
    for (let start = 0; start < bytes.length; line++) {
      const end = bytes.indexOf(0x0a, start) + 1 || bytes.length;
      const text = bytes.toString('utf8', start, end).trim();
      if (text !== '') addObject(builder, path, text, line, isMissing);
      start = end;
    }
  }
  if (builder.rowCount === 0) throw new UserError('table', `${path} holds no rows.`);
  return { ...builder.finish(), placeOf: builder.placeOf };
}

/**
 * Reads a JSON array of objects, one element after the other, so that the whole text is never one string.
 *
 * @throws UserError with file and line.
 */
export async function readJsonArray(path: string, isMissing?: IsMissing): Promise<Table> {
  const builder = tableBuilder((line) => `${path}:${line}`);
  const splitter = elementSplitter(path, (text, line) => addObject(builder, path, text, line, isMissing));
  for await (const { bytes } of lineBlocks(path)) splitter.push(bytes.toString('utf8'));
  splitter.end();
  if (builder.rowCount === 0) throw new UserError('table', `${path} holds no rows.`);
  return { ...builder.finish(), placeOf: builder.placeOf };
}

function addObject(builder: TableBuilder, path: string, text: string, line: number, isMissing?: IsMissing): void {
  const value = parseRow(path, text, line);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(
      'table',
      `${path}:${line}: ${show(value)} is not a row; an object like {"text": "…"} was expected.`,
    );
  }
  const cells = flatten(value as Record<string, unknown>);
  builder.addRow(isMissing === undefined ? cells : known(cells, isMissing), line);
}

function* known(cells: Iterable<readonly [string, unknown]>, isMissing: IsMissing): Generator<[string, unknown]> {
  for (const [name, value] of cells) yield [name, isMissing(name, value) ? null : value];
}

function parseRow(path: string, text: string, line: number): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    if (error instanceof Inexact) throw new UserError('table', `${path}:${line}: ${error.message}.`);
    const said = (error as Error).message.split('\n')[0]?.replace(/\.$/, '');
    const word = /[:[,]\s*(-?Infinity|NaN)\b/.exec(text)?.[1];
    throw new UserError(
      'table',
      `${path}:${line}: not JSON: ${word === undefined ? said : `${word} is no value of JSON`}.`,
      word === undefined
        ? hintFor(text)
        : 'Write null for a missing value, and leave out a row whose value is infinite.',
    );
  }
}

/** What a row that is no JSON may be. */
function hintFor(text: string): string | undefined {
  if (/^\{\s*'/.test(text)) return 'It looks like a Python dictionary: `json.dumps(row)` writes one as JSON.';
  if (/^\{[^}]*$/.test(text)) return 'A row stands on one line: one that takes several, or was cut off, is not read.';
  if (/^\{.*\}\s*\{/s.test(text)) return 'Each row stands on a line of its own.';
  if (/,\s*[}\]]/.test(text)) return 'JSON has no comma after the last value.';
  return undefined;
}

/**
 * Finds where the elements of a JSON array begin and end by brackets and quotes alone; each is then parsed by
 * itself, which also finds whatever is wrong in it.
 */
function elementSplitter(path: string, element: (text: string, line: number) => void) {
  let depth = 0;
  let done = false;
  let quoted = false;
  let escaped = false;
  let elements = 0;
  let line = 1;
  /** The element being read, as far as earlier blocks held it; undefined between elements. */
  let pending: string | undefined;
  let elementLine = 1;

  return {
    push(text: string): void {
      let start = 0;
      for (let i = 0; i < text.length; i++) {
        const c = text[i] as string;
        if (c === '\n') line++;
        if (quoted) {
          if (escaped) escaped = false;
          else if (c === '\\') escaped = true;
          else if (c === '"') quoted = false;
        } else if (pending === undefined && c.trim() === '') {
          // Space between elements.
        } else if (depth === 0) {
          if (c !== '[' || done) throw new UserError('table', `${path}:${line}: not JSON: unexpected ${show(c)}.`);
          depth = 1;
        } else if (depth === 1 && (c === ',' || c === ']')) {
          if (pending !== undefined) {
            elements++;
            element(pending + text.slice(start, i), elementLine);
          } else if (c === ',' || elements > 0) {
            throw new UserError('table', `${path}:${line}: not JSON: a row was expected before ${show(c)}.`);
          }
          pending = undefined;
          if (c === ']') {
            depth = 0;
            done = true;
          }
        } else {
          if (pending === undefined) {
            pending = '';
            start = i;
            elementLine = line;
          }
          if (c === '"') quoted = true;
          else if (c === '{' || c === '[') depth++;
          else if ((c === '}' || c === ']') && depth > 1) depth--;
        }
      }
      if (pending !== undefined) pending += text.slice(start);
    },
    end(): void {
      if (!done)
        throw new UserError('table', `${path}:${line}: not JSON: the array does not end (${elements} rows read).`);
    },
  };
}
