import type { SchemaElement, SchemaTree } from 'hyparquet';
import { holds, isBigint, isInfinite, parseExact } from './json-exact.ts';
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
  const leaves = root.children.flatMap((child) =>
    leavesOf(child, child.element.name, child.element.name, (value) => value, fitsInt64),
  );
  const names = new Set<string>();
  for (const { name } of leaves) {
    if (names.has(name)) throw new Error(`column "${name}" is there twice`);
    names.add(name);
  }
  return leaves;
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
    const json = nested(node, name);
    return [{ name, source, type: integerList(node) ? 'list<int32>' : 'json', value: (value) => json(get(value)) }];
  }
  const { type, convert } = scalar(node, name, fitsInt64);
  return [{ name, source, type, value: (topLevel) => present(get(topLevel), convert) }];
}

function present<T>(value: unknown, convert: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : convert(value);
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

type Scalar = { readonly type: ColumnType; readonly convert: (value: unknown) => Value };

/** @param name of the column, for errors */
function scalar({ element, path }: SchemaTree, name: string, fitsInt64: FitsInt64): Scalar {
  const { type, converted_type: converted, logical_type: logical } = element;
  const as = (column: ColumnType, convert: (value: unknown) => Value): Scalar => ({ type: column, convert });
  if (converted === 'JSON' || logical?.type === 'JSON') return as('json', (value) => parsed(value, name));
  // ISO texts by now, as if of UTC.
  if (logical?.type === 'TIMESTAMP' && !logical.isAdjustedToUTC) return as('string', withoutZone);
  if (converted === 'DATE' || converted?.startsWith('TIMESTAMP') || logical?.type === 'TIMESTAMP' || type === 'INT96') {
    return as('string', String);
  }
  if (isDecimal(element)) {
    const scale = scaleOf(element);
    return as('float64', (value) => decimal(unscaledOf(value), scale, name));
  }
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
  if (type === 'INT64' && unsigned && !fitsInt64(path)) {
    return as('string', (value) => String(BigInt.asUintN(64, value as bigint)));
  }
  if (type === 'INT32' || type === 'INT64') return as('int64', (value) => BigInt(value as bigint | number));
  if (type === 'BYTE_ARRAY' || logical?.type === 'UUID') return as('string', (value) => textOf(value, name));
  return as('string', () => {
    throw new Error(
      `column "${name}" is of Parquet type ${converted ?? type ?? 'unknown'}, which cannot be read as a table column`,
    );
  });
}

/**
 * How values of a list, a map or what is inside one become JSON: numbers as numbers, NaN and absent as null, all else as
 * in a column of its own.
 */
function nested(node: SchemaTree, name: string): (value: unknown) => Json {
  const one = nestedItem(node, name);
  if (node.element.repetition_type !== 'REPEATED') return (value) => present(value, one);
  return listOf(one);
}

function listOf(one: (value: unknown) => Json): (value: unknown) => Json {
  return (value) => present(value, (items) => Array.from(items as ArrayLike<unknown>, (item) => present(item, one)));
}

/** As `nested`, of a value that is there, whether or not it is repeated. */
function nestedItem(node: SchemaTree, name: string): (value: unknown) => Json {
  const { element, children } = node;
  const [only, ...others] = children;
  if (only === undefined) {
    const { convert } = scalar(node, name, () => true);
    return (value) => jsonOf(convert(value), name);
  }
  if (others.length > 0 || only.element.repetition_type !== 'REPEATED') return structOf(children, name);
  if (isMap(element)) {
    const [key, value] = only.children;
    const pair = only.element.name;
    if (key && value) return mapOf(pair, [key, nested(key, name)], [value, nested(value, name)], name);
  }
  if (element.converted_type !== 'LIST' || only.children.length > 1) return structOf(children, name);
  const [item] = only.children;
  return listOf(item ? nested(item, name) : nestedItem(only, name));
}

function structOf(children: readonly SchemaTree[], name: string): (value: unknown) => Json {
  const fields = children.map((child) => [child.element.name, nested(child, name)] as const);
  return (value) => Object.fromEntries(fields.map(([field, read]) => [field, read(fieldOf(value, field))]));
}

type Part = readonly [SchemaTree, (value: unknown) => Json];

function mapOf(pair: string, [key, readKey]: Part, [value, readValue]: Part, name: string): (map: unknown) => Json {
  return (map) => {
    const entries = new Map<string, Json>();
    for (const item of (fieldOf(map, pair) ?? []) as unknown[]) {
      const at = String(readKey(fieldOf(item, key.element.name)));
      if (entries.has(at)) throw new Error(`column "${name}" holds a map with the key "${at}" twice`);
      entries.set(at, readValue(fieldOf(item, value.element.name)));
    }
    return Object.fromEntries(entries);
  };
}

function isMap({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP';
}

function isDecimal({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return converted === 'DECIMAL' || logical?.type === 'DECIMAL';
}

function scaleOf({ scale, logical_type: logical }: SchemaElement): number {
  return scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0);
}

/** Bytes under this type the reader leaves as they are. */
const BYTES = { type: 'VARIANT' } as const;

/**
 * A file's schema as the reader is to take it: what it would round (decimals), or lose entries of (maps), without the
 * words that say so. `leafColumns` then makes of the plain numbers, bytes and pairs what they are.
 */
export function plainSchema(schema: readonly SchemaElement[]): SchemaElement[] {
  return schema.map((element) => {
    const { converted_type: converted, logical_type: logical, ...rest } = element;
    if (isDecimal(element) && element.type === 'BYTE_ARRAY') return { ...rest, logical_type: BYTES };
    return isDecimal(element) || isMap(element) || converted === 'INTERVAL' ? rest : element;
  });
}

function parsed(cell: unknown, name: string): Json {
  const text = textOf(cell, name);
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    throw new Error(`column "${name}" is declared to hold JSON, but holds ${show(text)} (${(error as Error).message})`);
  }
  if (holds(value, changes)) {
    throw new Error(`column "${name}" holds JSON with a number that no float holds: ${show(text)}`);
  }
  return (holds(value, isBigint) ? JSON.parse(text) : value) as Json;
}

/** Whether a whole number would be another one as a float, also where it is written in digits again. */
function changes(value: unknown): boolean {
  return isBigint(value) && String(Number(value)) !== String(value);
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`column "${name}" holds raw bytes; text was expected`);
}

/** A time of no zone, as pandas has it by default. */
function withoutZone(time: unknown): string {
  return String(time).replace(/Z$/, '');
}

const DIGITS = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;

/** Time of day: `12:30:00.000000`. */
function clockTime(count: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = count / perSecond;
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) => String(part).padStart(2, '0'));
  return `${parts.join(':')}.${String(count % perSecond).padStart(digits, '0')}`;
}

const LARGEST = 2n ** 53n - 1n;

/** The float nearest to a decimal number, of which at most the digits after its point are rounded. */
function decimal(unscaled: bigint, scale: number, name: string): number {
  const one = 10n ** BigInt(scale);
  const whole = unscaled / one;
  if (whole <= LARGEST && whole >= -LARGEST) return Number(`${unscaled}e-${scale}`);
  const fraction =
    scale === 0
      ? ''
      : `.${String(unscaled % one)
          .replace('-', '')
          .padStart(scale, '0')}`;
  throw new Error(
    `column "${name}" holds the decimal ${whole}${fraction}, beyond ±(2^53 − 1), where no float is exact; write it as int64 or as text`,
  );
}

/** The whole number that a decimal is stored as. */
function unscaledOf(value: unknown): bigint {
  return value instanceof Uint8Array ? signedOf(value) : BigInt(value as bigint | number);
}

/** Big-endian, two's complement. */
function signedOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function jsonOf(value: Value, name: string): Json {
  if (typeof value === 'bigint') {
    if (Number.isSafeInteger(Number(value))) return Number(value);
    throw new Error(`column "${name}" holds ${value} in a list or map, where no number beyond ±(2^53 − 1) is exact`);
  }
  if (isInfinite(value)) {
    throw new Error(`column "${name}" holds ${String(value)} in a list or map, which is no value of JSON`);
  }
  return value as Json;
}
