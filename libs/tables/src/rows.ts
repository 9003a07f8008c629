import { UserError } from '@sonde/base';
import { columnOf, tableBuilder, wellFormed } from './build.ts';
import { type Column, type ColumnInfo, column, type Table, tableFromColumns, type Value } from './table.ts';

/** Nested objects deeper than this stay json, so that hostile data cannot exhaust the stack. */
const MAX_DEPTH = 16;

/**
 * Makes a table of plain objects. Nested objects are flattened with dots (`prompt.text`); a missing key is null.
 * Without a schema the columns come in the order in which they first appear and their types are inferred;
 * with one they are exactly its columns, and a key that it lacks is an error.
 *
 * @throws UserError naming the row (from 0) and column for mixed types, NaN or a key that is not in the schema.
 */
export function tableFromRows(
  rows: Iterable<Readonly<Record<string, unknown>>>,
  schema?: readonly ColumnInfo[],
): Table {
  if (schema) return tableOfSchema([...rows], schema);
  const builder = tableBuilder((row) => `row ${row}`);
  for (const row of rows) builder.addRow(flatten(row), builder.rowCount);
  return builder.finish();
}

function tableOfSchema(rows: readonly Readonly<Record<string, unknown>>[], schema: readonly ColumnInfo[]): Table {
  const whole = new Set(schema.map((item) => item.name));
  const columns = new Map(schema.map((item) => [item.name, new Array<Value>(rows.length).fill(null)]));
  rows.forEach((row, index) => {
    for (const [name, value] of flatten(row, whole)) {
      const values = columns.get(name);
      if (!values) {
        throw new UserError(
          'table',
          `row ${index}: "${name}" is not a column of the schema (${[...whole].join(', ')}).`,
        );
      }
      values[index] = typeof value === 'string' ? wellFormed(value) : ((value ?? null) as Value);
    }
  });
  const made = schema.map(({ name, type }): Column => {
    const values = columns.get(name) as Value[];
    if (type === 'int64') widenIntegers(values);
    // Checked as given before any narrowing into typed arrays, which would hide a wrong value.
    tableFromColumns([{ name, type, values } as Column]);
    return columnOf(name, type, values);
  });
  return { columns: made, rowCount: rows.length };
}

function widenIntegers(values: Value[]): void {
  values.forEach((value, row) => {
    if (typeof value === 'number' && Number.isSafeInteger(value)) values[row] = BigInt(value);
  });
}

/** The cells of a row, nested objects under dotted names; an object named in `whole` is left as it is. */
export function* flatten(
  row: Readonly<Record<string, unknown>>,
  whole?: ReadonlySet<string>,
  prefix = '',
  depth = 1,
): Generator<readonly [string, unknown]> {
  for (const key of Object.keys(row)) {
    const value = row[key];
    const name = prefix + key;
    const nested = typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
    if (nested && depth < MAX_DEPTH && !whole?.has(name)) {
      yield* flatten(value as Record<string, unknown>, whole, `${name}.`, depth + 1);
    } else yield [name, value];
  }
}

/** The rows as plain objects, in order, keyed by column name; int64 values are bigints. */
export function rows(table: Table): Record<string, Value>[] {
  const result: Record<string, Value>[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    result.push(Object.fromEntries(table.columns.map((item) => [item.name, item.values[row] as Value])));
  }
  return result;
}

/** One cell. @throws UserError if there is no such column or row. */
export function cell(table: Table, name: string, row: number): Value {
  const { values } = column(table, name);
  if (!(row >= 0 && row < table.rowCount))
    throw new UserError('table', `There is no row ${row}; the table has ${table.rowCount} rows.`);
  return values[row] as Value;
}
