import { repeatedKey } from '@sonde/base';
import { isInteger, parse as parseLossless } from 'lossless-json';
import { show } from './table.ts';

/** JSON that is read as something else than what it says: a key given twice, a number beyond all floats. */
export class Inexact extends Error {}

/** Where a text may hold a whole number that no float holds exactly. */
const LONG_INTEGER = /(?<![.\d])\d{16,}(?![\d.eE])/;

/** Where a text may hold a number beyond all floats. */
const FAR_NUMBER = /\d[eE]\+?\d{3}|\d{309}/;

/**
 * Parses JSON of a user's without changing it: whole numbers that a float would change become bigints.
 *
 * @throws Inexact, or another error for what is no JSON
 */
export function parseExact(text: string): unknown {
  const value = LONG_INTEGER.test(text)
    ? parseLossless(text, null, { parseNumber: exactNumber, onDuplicateKey: ({ newValue }) => newValue })
    : JSON.parse(text);
  const key = repeatedKey(text);
  if (key !== undefined) throw new Inexact(`the key ${show(key)} is given twice`);
  if (FAR_NUMBER.test(text) && holds(value, isInfinite)) {
    throw new Inexact('it holds a number beyond the largest float (1.8e308); write it as text');
  }
  return value;
}

function exactNumber(text: string): number | bigint {
  const value = Number(text);
  return isInteger(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Whether a value, or one inside it, is such. */
export function holds(value: unknown, such: (value: unknown) => boolean): boolean {
  if (such(value)) return true;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Object.values(value).some((inner) => holds(inner, such));
}

export function isBigint(value: unknown): value is bigint {
  return typeof value === 'bigint';
}

/** What JSON's 1e999 is read as. */
export function isInfinite(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
}
