import { isRecord, UserError } from '@sonde/base';

/** Reads fields of a config.json; each failure names the file and the field. */
export interface Fields {
  readonly where: string;
  /** A positive integer. */
  count(name: string, otherwise?: number): number;
  /** An integer of 0 or more. */
  whole(name: string, otherwise?: number): number;
  /** Any integer. */
  integer(name: string, otherwise?: number): number;
  /** A positive integer, or null where the field is null; `otherwise` where it is missing. */
  optionalCount(name: string, otherwise: number | null): number | null;
  /** The same for a positive number. */
  optionalPositive(name: string, otherwise: number | null): number | null;
  /** A positive number. */
  positive(name: string, otherwise?: number): number;
  flag(name: string, otherwise: boolean): boolean;
  text(name: string, otherwise?: string): string;
  /** One of the given words. */
  oneOf<Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word;
  /** A list of `length` items, each one of the given words; null if the field is absent or null. */
  words<Word extends string>(name: string, words: readonly Word[], length: number): readonly Word[] | null;
  /** A list of texts, or one text that holds them with | between; none if the field is absent or null. */
  texts(name: string): readonly string[];
  /** A list of `length` positive numbers. */
  positives(name: string, length: number): readonly number[];
  /** An object, as fields; null if the field is absent or null. */
  group(name: string): Fields | null;
  /** What the file says, of whatever kind; undefined if it says nothing. */
  value(name: string): unknown;
  has(name: string): boolean;
  /** The fields that there are. */
  names(): readonly string[];
}

export function fieldsOf(values: Readonly<Record<string, unknown>>, where: string): Fields {
  const fail = (name: string, expected: string): never => {
    const found =
      values[name] === undefined
        ? 'is missing'
        : `is ${typeof values[name] === 'number' ? values[name] : JSON.stringify(values[name])}`;
    throw new UserError('model', `${where}: ${name} ${found}; expected ${expected}.`);
  };
  const isCount = (value: unknown): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
  const isPositive = (value: unknown): value is number =>
    typeof value === 'number' && Number.isFinite(value) && value > 0;
  const isWord = <Word extends string>(value: unknown, words: readonly Word[]): value is Word =>
    words.some((word) => word === value);
  const pick = (name: string, otherwise: unknown): unknown => values[name] ?? otherwise;
  return {
    where,
    count(name, otherwise) {
      const value = pick(name, otherwise);
      return isCount(value) ? value : fail(name, 'a positive integer');
    },
    whole(name, otherwise) {
      const value = pick(name, otherwise);
      return value === 0 || isCount(value) ? value : fail(name, 'an integer of 0 or more');
    },
    integer(name, otherwise) {
      const value = pick(name, otherwise);
      return Number.isSafeInteger(value) ? (value as number) : fail(name, 'an integer');
    },
    optionalCount(name, otherwise) {
      const value = values[name] === undefined ? otherwise : values[name];
      return value === null || isCount(value) ? value : fail(name, 'a positive integer or null');
    },
    optionalPositive(name, otherwise) {
      const value = values[name] === undefined ? otherwise : values[name];
      return value === null || isPositive(value) ? value : fail(name, 'a positive number or null');
    },
    positive(name, otherwise) {
      const value = pick(name, otherwise);
      return isPositive(value) ? value : fail(name, 'a positive number');
    },
    flag(name, otherwise) {
      const value = pick(name, otherwise);
      return typeof value === 'boolean' ? value : fail(name, 'true or false');
    },
    text(name, otherwise) {
      const value = pick(name, otherwise);
      return typeof value === 'string' ? value : fail(name, 'a string');
    },
    oneOf(name, words, otherwise) {
      const value = pick(name, otherwise);
      return isWord(value, words) ? value : fail(name, `one of ${words.join(', ')}`);
    },
    words(name, words, length) {
      const value = values[name] ?? null;
      if (value === null) return null;
      return Array.isArray(value) && value.length === length && value.every((item) => isWord(item, words))
        ? value
        : fail(name, `a list of ${length} words, each one of ${words.join(', ')}`);
    },
    texts(name) {
      const value = values[name] ?? [];
      if (typeof value === 'string') return value.split('|').map((item) => item.trim());
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
        ? value
        : fail(name, 'a list of texts');
    },
    positives(name, length) {
      const value = values[name];
      return Array.isArray(value) && value.length === length && value.every(isPositive)
        ? value
        : fail(name, `a list of ${length} positive numbers`);
    },
    group(name) {
      const value = values[name];
      if (value === undefined || value === null) return null;
      return isRecord(value) ? fieldsOf(value, `${where}: ${name}`) : fail(name, 'an object');
    },
    value: (name) => values[name],
    names: () => Object.keys(values),
    has: (name) => values[name] !== undefined && values[name] !== null,
  };
}
