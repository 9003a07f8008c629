import type { SchemaTree } from 'hyparquet';
import { type ColumnType, type Json, show, type Value } from './table.ts';

/** A column of ours and how its values are had from those of a top-level column of a Parquet file. */
export type LeafColumn = {
  readonly name: string;
  /** The top-level column of the file. */
  readonly source: string;
  readonly type: ColumnType;
  readonly value: (topLevel: unknown) => Value;
};

/**
 * The columns of a file in its order, the fields of structs under dotted names. Its errors, and those of the
 * columns' `value`, do not know the file; the reader adds it.
 *
 * @param fitsInt64 whether all numbers of a column of unsigned 64-bit integers are known to fit into signed ones
 */
export function leafColumns(root: SchemaTree, fitsInt64: FitsInt64): LeafColumn[] {
  return root.children.flatMap((child) =>
    leavesOf(child, child.element.name, child.element.name, (value) => value, fitsInt64),
  );
}

type FitsInt64 = (path: readonly string[]) => boolean;

function leavesOf(
  node: SchemaTree,
  name: string,
  source: string,
  get: (value: unknown) => unknown,
  fitsInt64: FitsInt64,
): LeafColumn[] {
  const { element, children } = node;
  const group = children.length > 0;
  if (
    group &&
    element.converted_type === undefined &&
    element.logical_type === undefined &&
    element.repetition_type !== 'REPEATED'
  ) {
    return children.flatMap((child) =>
      leavesOf(
        child,
        `${name}.${child.element.name}`,
        source,
        (value) => fieldOf(get(value), child.element.name),
        fitsInt64,
      ),
    );
  }
  if (group || element.repetition_type === 'REPEATED') {
    const type = integerList(node) ? 'list<int32>' : 'json';
    return [{ name, source, type, value: (value) => jsonOf(get(value), name) }];
  }
  return [{ name, source, ...scalar(node, name, get, fitsInt64) }];
}

function fieldOf(value: unknown, field: string): unknown {
  return value === null || value === undefined ? null : (value as Record<string, unknown>)[field];
}

function integerList(node: SchemaTree): boolean {
  let leaf = node;
  let repeated = 0;
  for (;;) {
    if (leaf.element.repetition_type === 'REPEATED') repeated++;
    const [only, ...others] = leaf.children;
    if (!only || others.length > 0) break;
    leaf = only;
  }
  const { type, converted_type, logical_type } = leaf.element;
  const plain = converted_type === undefined || converted_type.startsWith('INT_');
  return (
    repeated === 1 &&
    leaf.children.length === 0 &&
    (type === 'INT32' || type === 'INT64') &&
    plain &&
    (logical_type?.type ?? 'INTEGER') === 'INTEGER'
  );
}

function scalar(
  node: SchemaTree,
  name: string,
  get: (value: unknown) => unknown,
  fitsInt64: FitsInt64,
): Pick<LeafColumn, 'type' | 'value'> {
  const { type, converted_type: converted, logical_type: logical, scale = 0 } = node.element;
  const as = (column: ColumnType, convert: (value: unknown) => Value): Pick<LeafColumn, 'type' | 'value'> => ({
    type: column,
    value: (topLevel) => {
      const value = get(topLevel);
      return value === null || value === undefined ? null : convert(value);
    },
  });
  if (converted === 'JSON') return as('json', (value) => value as Json); // parsed by the reader
  if (logical?.type === 'JSON') return as('json', (value) => parsed(value, name));
  if (converted === 'DATE' || converted?.startsWith('TIMESTAMP') || logical?.type === 'TIMESTAMP' || type === 'INT96') {
    return as('string', isoText);
  }
  if (converted === 'DECIMAL') return as('float64', (value) => decimal(Number(value), scale, name));
  if (converted?.startsWith('TIME_') || logical?.type === 'TIME') {
    const unit = logical?.type === 'TIME' ? logical.unit : converted === 'TIME_MILLIS' ? 'MILLIS' : 'MICROS';
    return as('string', (value) => clockTime(BigInt(value as bigint | number), DIGITS[unit]));
  }
  if (type === 'FLOAT' || type === 'DOUBLE' || logical?.type === 'FLOAT16') {
    return as('float64', (value) => (Number.isNaN(value) ? null : Number(value)));
  }
  if (type === 'BOOLEAN') return as('boolean', Boolean);
  if (
    type === 'INT32' &&
    converted !== 'UINT_32' &&
    !(logical?.type === 'INTEGER' && logical.bitWidth === 32 && !logical.isSigned)
  ) {
    return as('int32', Number);
  }
  const unsigned = converted === 'UINT_64' || (logical?.type === 'INTEGER' && !logical.isSigned);
  if (type === 'INT64' && unsigned && !fitsInt64(node.path)) {
    return as('string', (value) => String(BigInt.asUintN(64, value as bigint)));
  }
  if (type === 'INT32' || type === 'INT64') return as('int64', (value) => BigInt(value as bigint | number));
  if (type === 'BYTE_ARRAY' || logical?.type === 'UUID') return as('string', (value) => textOf(value, name));
  throw new Error(`column "${name}" is of Parquet type ${type ?? 'unknown'}, which cannot be read as a table column`);
}

function parsed(value: unknown, name: string): Json {
  try {
    return JSON.parse(textOf(value, name)) as Json;
  } catch {
    throw new Error(`column "${name}" is declared to hold JSON, but holds ${show(value)}`);
  }
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`column "${name}" holds raw bytes; text was expected`);
}

const DIGITS = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;

/** Time of day: `12:30:00.000000`. */
function clockTime(count: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = count / perSecond;
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) => String(part).padStart(2, '0'));
  return `${parts.join(':')}.${String(count % perSecond).padStart(digits, '0')}`;
}

/** The float nearest to a decimal number, which the reader has multiplied by a rounded power of ten. */
function decimal(value: number, scale: number, name: string): number {
  const unscaled = Math.round(value * 10 ** scale);
  if (Number.isSafeInteger(unscaled)) return Number(`${unscaled}e-${scale}`);
  if (scale > 0) return value;
  throw new Error(
    `column "${name}" holds whole numbers as decimals beyond ±(2^53 − 1); write them as int64 or as text`,
  );
}

function isoText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Nested values of a foreign file as JSON: integers as numbers, times as texts, NaN and absent as null. */
function jsonOf(value: unknown, name: string): Json {
  if (value === null || value === undefined || Number.isNaN(value)) return null;
  if (typeof value === 'bigint') {
    if (Number.isSafeInteger(Number(value))) return Number(value);
    throw new Error(`column "${name}" holds ${value} in a list or map, where no number beyond ±(2^53 − 1) is exact`);
  }
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, name));
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<unknown>, (item) => jsonOf(item, name));
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item, name)]));
  return value as Json;
}
