import { UserError } from '@sonde/base';
import { selectRows } from './select.ts';
import { type Column, column, type Json, show, type Table, type Value } from './table.ts';

export const FILTER_OPERATORS = [
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'not in',
  'contains',
  'is null',
  'is not null',
] as const;

export type FilterOperator = (typeof FILTER_OPERATORS)[number];

/** One comparison, as a pipeline file says it: `{ column: score.TOXICITY, op: ">=", value: 0.5 }`. */
export type FilterSpec = {
  readonly column: string;
  readonly op: FilterOperator;
  /** A list for `in` and `not in`; left out for `is null` and `is not null`. */
  readonly value?: Json;
};

/**
 * The rows for which every comparison holds, in their order. A null satisfies only `is null`. Texts compare by
 * code unit, so that the result does not depend on the locale.
 *
 * @throws UserError for an unknown column or operator, or a value of another type than the column's.
 */
export function filterTable(table: Table, specs: readonly FilterSpec[]): Table {
  const tests = specs.map((spec) => {
    const found = column(table, spec.column);
    return { values: found.values, holds: predicate(found, spec) };
  });
  const kept: number[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    if (tests.every((test) => test.holds(test.values[row] as Value))) kept.push(row);
  }
  return selectRows(table, kept);
}

function predicate(found: Column, spec: FilterSpec): (value: Value) => boolean {
  const { op } = spec;
  if (op === 'is null') return (value) => value === null;
  if (op === 'is not null') return (value) => value !== null;
  if (op === 'in' || op === 'not in') {
    if (!Array.isArray(spec.value)) throw mismatch(found, spec, 'a list');
    const members = new Set(spec.value.map((member) => comparable(found, spec, member)));
    return (value) => value !== null && members.has(plain(value)) === (op === 'in');
  }
  const wanted = comparable(found, spec, spec.value);
  if (op === 'contains') {
    if (found.type !== 'string' || typeof wanted !== 'string') throw mismatch(found, spec, 'a text and a text column');
    return (value) => typeof value === 'string' && value.includes(wanted);
  }
  const compare = COMPARISONS[op];
  if (!compare) {
    throw new UserError('table', `"${op}" is not a comparison; expected one of ${FILTER_OPERATORS.join(', ')}.`);
  }
  return (value) => value !== null && compare(plain(value), wanted);
}

type Plain = string | number | boolean | bigint;

const COMPARISONS: Readonly<Partial<Record<FilterOperator, (a: Plain, b: Plain) => boolean>>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function comparable(found: Column, spec: FilterSpec, value: Json | undefined): Plain {
  switch (found.type) {
    case 'string':
      if (typeof value === 'string') return value;
      throw mismatch(found, spec, 'a text');
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw mismatch(found, spec, 'true or false');
    case 'int32':
    case 'int64':
    case 'float64':
      if (typeof value === 'number' && !Number.isNaN(value)) return value;
      throw mismatch(found, spec, 'a number');
    default:
      throw new UserError(
        'table',
        `Column "${found.name}" is of type ${found.type}, which can only be tested for null.`,
      );
  }
}

/** Integers of 64 bits compare as numbers: exact up to 2^53, which is as far as a file's numbers reach. */
function plain(value: Value): Plain {
  return typeof value === 'bigint' ? Number(value) : (value as Plain);
}

function mismatch(found: Column, spec: FilterSpec, expected: string): UserError {
  const given = spec.value === undefined ? 'none was given' : `${show(spec.value)} was given`;
  return new UserError(
    'table',
    `"${spec.op}" on column "${found.name}" (${found.type}) needs ${expected} as its value; ${given}.`,
  );
}
