import { type Column, numberIn } from '@sonde/tables';
import type { ColumnSpec } from './column.ts';

/** What a value must be, and how it is said. */
const KINDS: Readonly<Record<ColumnSpec['type'], { readonly name: string; is(value: unknown): boolean }>> = {
  string: { name: 'text', is: (value) => typeof value === 'string' },
  boolean: { name: 'true or false', is: (value) => typeof value === 'boolean' },
  int32: { name: 'a whole number', is: Number.isSafeInteger },
  int64: { name: 'a whole number', is: Number.isSafeInteger },
  float64: { name: 'a number', is: (value) => typeof value === 'number' },
  'list<int32>': {
    name: 'a list of whole numbers',
    is: (value) => value instanceof Int32Array || (Array.isArray(value) && value.every(Number.isInteger)),
  },
  json: { name: 'a value', is: () => true },
};

const NUMERIC: ReadonlySet<ColumnSpec['type']> = new Set(['int32', 'int64', 'float64']);

/**
 * Reads a column as its spec has it: whole numbers of any width as numbers, a text that is a number where one is wanted
 * as that number, a whole number where a text is wanted (an id in CSV) as its digits, lists as arrays.
 *
 * @param wrong the error for a row's value, told what was expected
 */
export function converter(
  { type, nullable, blank, words, open }: ColumnSpec,
  { type: foundType, values }: Column,
  wrong: (row: number, expected: string) => Error,
): (row: number) => unknown {
  const kind = KINDS[type];
  const numeric = NUMERIC.has(type);
  const ofDigits = type === 'string' && (foundType === 'int32' || foundType === 'int64');
  const known = words === undefined || open === true ? undefined : new Set<unknown>(words);
  return (row) => {
    const found: unknown = values[row];
    if (found === null) {
      if (nullable === true) return null;
      if (blank === true) return type === 'string' ? '' : [];
      throw wrong(row, kind.name);
    }
    const number = numeric && typeof found === 'string' ? numberIn(found) : undefined;
    const value = ofDigits ? String(found) : (number ?? (typeof found === 'bigint' ? Number(found) : found));
    if (!kind.is(value)) throw wrong(row, kind.name);
    if (known !== undefined && !known.has(value)) throw wrong(row, `one of ${words!.join(', ')}`);
    return value instanceof Int32Array ? [...value] : value;
  };
}
