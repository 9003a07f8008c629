import { ModelError } from '../errors.ts';
import { isRecord } from '../json.ts';

/** Reads fields of a config.json; each failure names the file and the field. */
export interface Fields {
  readonly where: string;
  /** A positive integer. */
  count(name: string, otherwise?: number): number;
  /** A positive number. */
  positive(name: string, otherwise?: number): number;
  flag(name: string, otherwise: boolean): boolean;
  text(name: string, otherwise?: string): string;
  /** An object, as fields; null if the field is absent or null. */
  group(name: string): Fields | null;
  has(name: string): boolean;
}

export function fieldsOf(values: Readonly<Record<string, unknown>>, where: string): Fields {
  const fail = (name: string, expected: string): never => {
    const found = values[name] === undefined ? 'is missing' : `is ${JSON.stringify(values[name])}`;
    throw new ModelError(`${where}: ${name} ${found}; expected ${expected}.`);
  };
  const pick = (name: string, otherwise: unknown): unknown => values[name] ?? otherwise;
  return {
    where,
    count(name, otherwise) {
      const value = pick(name, otherwise);
      return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
        ? value
        : fail(name, 'a positive integer');
    },
    positive(name, otherwise) {
      const value = pick(name, otherwise);
      return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : fail(name, 'a positive number');
    },
    flag(name, otherwise) {
      const value = pick(name, otherwise);
      return typeof value === 'boolean' ? value : fail(name, 'true or false');
    },
    text(name, otherwise) {
      const value = pick(name, otherwise);
      return typeof value === 'string' ? value : fail(name, 'a string');
    },
    group(name) {
      const value = values[name];
      if (value === undefined || value === null) return null;
      return isRecord(value) ? fieldsOf(value, `${where}: ${name}`) : fail(name, 'an object');
    },
    has: (name) => values[name] !== undefined && values[name] !== null,
  };
}
