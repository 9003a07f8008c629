import { UserError } from '@sonde/base';
import { columnOf, widen } from './build.ts';
import { type Column, type ColumnType, column, hasColumn, type Table, tableFromColumns, type Value } from './table.ts';

/**
 * The rows at the given indices, in that order; an index may come several times.
 *
 * @throws UserError if an index is not a row of the table.
 */
export function selectRows(table: Table, indices: ArrayLike<number>): Table {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] as number;
    if (!Number.isInteger(index) || index < 0 || index >= table.rowCount) {
      throw new UserError('table', `There is no row ${index}; the table has ${table.rowCount} rows.`);
    }
  }
  const columns = table.columns.map((item) => take(item, indices));
  return placed({ columns, rowCount: indices.length }, table, (row) => indices[row] as number);
}

/** A column with the values at the given indices; a negative index gives null. */
export function take(item: Column, indices: ArrayLike<number>): Column {
  const values = Array.from(indices, (index) => (index < 0 ? null : (item.values[index] as Value)));
  return columnOf(item.name, item.type, values);
}

/** Rows `start` (included) to `end` (excluded), with the rules of Array.prototype.slice. */
export function sliceRows(table: Table, start: number, end?: number): Table {
  const columns = table.columns.map((item) => ({ ...item, values: item.values.slice(start, end) }) as Column);
  const first = start < 0 ? Math.max(0, table.rowCount + start) : start;
  return placed({ columns, rowCount: columns[0]?.values.length ?? 0 }, table, (row) => first + row);
}

/** A table whose rows stand where those of another do. */
function placed(table: Table, origin: Table, rowOf = (row: number) => row): Table {
  const { placeOf } = origin;
  return placeOf === undefined ? table : { ...table, placeOf: (row) => placeOf(rowOf(row)) };
}

/** The named columns, in the order given. @throws UserError for a name that is not there. */
export function selectColumns(table: Table, names: readonly string[]): Table {
  return placed(tableFromColumns(names.map((name) => column(table, name))), table);
}

/** The table with one more column at its end. @throws UserError if its name is taken or its length differs. */
export function addColumn(table: Table, added: Column): Table {
  return placed(tableFromColumns([...table.columns, added]), table);
}

/** The table with columns renamed: old name to new. @throws UserError for a name that is not there or is taken. */
export function renameColumns(table: Table, names: Readonly<Record<string, string>>): Table {
  for (const name of Object.keys(names)) column(table, name);
  const renamed = new Map(Object.entries(names));
  const columns = table.columns.map((item) => ({ ...item, name: renamed.get(item.name) ?? item.name }));
  return placed(tableFromColumns(columns), table);
}

/**
 * Tables one below the other, in order. Integers widen to floats where tables differ.
 *
 * @param options.fill `true` gives null to columns that a table lacks; otherwise that is an error.
 * @throws UserError naming the table (from 0) and column where columns or types do not agree.
 */
export function concatTables(tables: readonly Table[], options: { fill?: boolean } = {}): Table {
  const types = new Map<string, ColumnType>();
  tables.forEach((table, index) => {
    for (const item of table.columns) {
      const known = types.get(item.name);
      const type = known === undefined || isEmpty(item) ? (known ?? item.type) : widen(known, item.type);
      if (type === undefined) {
        throw new UserError(
          'table',
          `Column "${item.name}" is ${item.type} in table ${index}, but ${known} before it.`,
        );
      }
      types.set(item.name, type);
    }
  });
  if (!options.fill) requireSameColumns(tables, [...types.keys()]);
  const columns = [...types].map(([name, type]) => {
    const values: Value[] = [];
    for (const table of tables) {
      const item = table.columns.find((candidate) => candidate.name === name);
      for (let row = 0; row < table.rowCount; row++) values.push(item ? (item.values[row] as Value) : null);
    }
    return columnOf(name, type, values);
  });
  return { columns, rowCount: tables.reduce((sum, table) => sum + table.rowCount, 0) };
}

/** A column of nulls alone takes whatever type its namesakes have. */
function isEmpty(item: Column): boolean {
  return Array.isArray(item.values) && item.values.every((value) => value === null);
}

function requireSameColumns(tables: readonly Table[], names: readonly string[]): void {
  tables.forEach((table, index) => {
    const missing = names.find((name) => !hasColumn(table, name));
    if (missing !== undefined) {
      throw new UserError(
        'table',
        `Table ${index} of ${tables.length} has no column "${missing}", which another table has.`,
      );
    }
  });
}
