import { UserError } from '@sonde/base';
import { closest, distance } from 'fastest-levenshtein';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The values of each column type. Missing is always null, never NaN, undefined or an empty text. */
type ValuesOf = {
  string: readonly (string | null)[];
  int32: Int32Array | readonly (number | null)[];
  int64: BigInt64Array | readonly (bigint | null)[];
  float64: Float64Array | readonly (number | null)[];
  boolean: readonly (boolean | null)[];
  'list<int32>': readonly (readonly number[] | Int32Array | null)[];
  json: readonly Json[];
};

export type ColumnType = keyof ValuesOf;

export type ColumnOf<T extends ColumnType> = {
  readonly name: string;
  readonly type: T;
  readonly values: ValuesOf[T];
};

export type Column = { [T in ColumnType]: ColumnOf<T> }[ColumnType];

/** One value of any column. */
export type Value = Json | bigint | Int32Array;

/** Columns of equal length. Treat it and its arrays as immutable: helpers share arrays between tables. */
export type Table = {
  readonly columns: readonly Column[];
  readonly rowCount: number;
  /** Of a table read from text: where a row stands in its file, `scores.csv:12`. */
  readonly placeOf?: (row: number) => string;
};

/** What a table looks like without its values. */
export type ColumnInfo = { readonly name: string; readonly type: ColumnType };

/**
 * Makes a table of columns of equal length with unique names, after checking every value against its
 * column's type (NaN is refused: missing is null).
 *
 * @throws UserError naming the column and the row (counted from 0).
 */
export function tableFromColumns(columns: readonly Column[]): Table {
  const rowCount = columns[0]?.values.length ?? 0;
  const seen = new Set<string>();
  for (const item of columns) {
    if (seen.has(item.name))
      throw new UserError('table', `Two columns are named "${item.name}"; names must be unique.`);
    seen.add(item.name);
    if (item.values.length !== rowCount) {
      const first = columns[0] as Column;
      throw new UserError(
        'table',
        `Column "${item.name}" has ${item.values.length} rows where column "${first.name}" has ${rowCount}; all columns must have the same length.`,
      );
    }
    checkValues(item);
  }
  return { columns, rowCount };
}

/** @throws UserError for the first value that its column's type does not allow. */
export function checkValues(item: Column): void {
  const { values } = item;
  if (values instanceof Int32Array || values instanceof BigInt64Array) return;
  const allowed = CHECKS[item.type];
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as unknown;
    if (value === null || allowed(value)) continue;
    const advice = Number.isNaN(value) || value === undefined ? '; a missing value must be null' : '';
    throw new UserError(
      'table',
      `Column "${item.name}", row ${row}: ${show(value)} is not a value of type ${item.type}${advice}.`,
    );
  }
}

const CHECKS: { [T in ColumnType]: (value: unknown) => boolean } = {
  string: (value) => typeof value === 'string',
  int32: isInt32,
  int64: (value) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  float64: (value) => typeof value === 'number' && !Number.isNaN(value),
  boolean: (value) => typeof value === 'boolean',
  'list<int32>': (value) => value instanceof Int32Array || (Array.isArray(value) && value.every(isInt32)),
  json: (value) => value !== undefined && typeof value !== 'bigint' && !Number.isNaN(value),
};

export function isInt32(value: unknown): boolean {
  return typeof value === 'number' && (value | 0) === value;
}

/** A value as an error message shows it: short, in one line. */
export function show(value: unknown): string {
  const text =
    typeof value === 'number' || typeof value === 'bigint' || value === undefined
      ? String(value)
      : (JSON.stringify(value) ?? typeof value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** @throws UserError with the nearest name if there is no such column. */
export function column(table: Table, name: string): Column {
  const found = table.columns.find((item) => item.name === name);
  if (found) return found;
  const names = table.columns.map((item) => item.name);
  const nearest = names.length > 0 ? closest(name, names) : '';
  const near = nearest !== '' && distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3));
  const listed = names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');
  throw new UserError(
    'table',
    `There is no column "${name}"${near ? `; did you mean "${nearest}"?` : '.'} The table has ${names.length > 0 ? listed : 'no columns'}.`,
  );
}

export function hasColumn(table: Table, name: string): boolean {
  return table.columns.some((item) => item.name === name);
}

/** A text column's values. @throws UserError if there is no such column or it is of another type. */
export function stringColumn(table: Table, name: string): readonly (string | null)[] {
  const found = column(table, name);
  if (found.type !== 'string') throw wrongType(found, 'text (string)');
  return found.values;
}

/** A column of ids as texts: whole numbers as their digits. @throws UserError for a column of another type */
export function idColumn(table: Table, name: string): readonly (string | null)[] {
  const found = column(table, name);
  if (found.type !== 'int32' && found.type !== 'int64') return stringColumn(table, name);
  return Array.from(found.values as ArrayLike<number | bigint | null>, (id) => (id === null ? null : String(id)));
}

/**
 * A numeric column as floats [rowCount], NaN where it is null (the only place where NaN stands for missing;
 * it is refused when a table is made of it). Texts that are numbers are taken for them.
 *
 * @throws UserError if there is no such column, or for its first value that is no number, with its row, or its file and
 *   line where the table was read from text.
 */
export function floatColumn(table: Table, name: string): Float64Array {
  const found = column(table, name);
  if (found.type === 'float64' && found.values instanceof Float64Array) return found.values.slice();
  const numeric =
    found.type === 'float64' || found.type === 'int32' || found.type === 'int64' || found.type === 'boolean';
  const values: ArrayLike<unknown> = found.values;
  const result = new Float64Array(table.rowCount);
  for (let row = 0; row < result.length; row++) {
    const value = values[row];
    if (!numeric && value !== null && !(typeof value === 'string' && numberIn(value) !== undefined)) {
      throw notANumber(found, value, table.placeOf?.(row) ?? `row ${row}, counted from 0`);
    }
    result[row] = value === null ? Number.NaN : Number(value);
  }
  return result;
}

const NUMBER = /^\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/;

/** The number that a text is, as people write numbers in CSV; undefined for every other text, and beyond all floats. */
export function numberIn(text: string): number | undefined {
  const number = NUMBER.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** Words by which other programs say that there is no value. */
const MISSING = /^\s*(?:|nan|#?n\/?a|<na>|nat|none|null|nil|-|--|\.|\?|missing)\s*$/i;

/** Whether other programs write this text where there is no value. */
export function isMissingWord(text: string): boolean {
  return MISSING.test(text);
}

/** What to do about a word that stands for a missing value. */
export const MISSING_VALUE =
  'A value that is missing is an empty field in CSV and null in JSON; or take the file in with table/import, whose `missing:` names the words that stand for none.';

function notANumber(found: Column, value: unknown, place: string): UserError {
  return new UserError(
    'table',
    `Column "${found.name}" holds ${show(value)} at ${place}; a number was expected.`,
    typeof value === 'string' && isMissingWord(value) ? MISSING_VALUE : undefined,
  );
}

function wrongType(found: Column, expected: string): UserError {
  return new UserError('table', `Column "${found.name}" is of type ${found.type}; ${expected} was expected.`);
}
