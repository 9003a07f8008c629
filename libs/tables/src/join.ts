import { UserError } from '@sonde/base';
import { columnOf } from './build.ts';
import { take } from './select.ts';
import { type Column, column, hasColumn, type Table, tableFromColumns, type Value } from './table.ts';

export type JoinKind = 'inner' | 'left' | 'outer';

/**
 * Joins two tables on equal values of the columns `on`. Rows come in the left table's order, then, for `outer`,
 * the right rows that found no partner; several matches give several rows in the right table's order. A null key
 * matches nothing. Whole numbers are joined with texts of their digits, and become such texts.
 *
 * @throws UserError if a key column is missing, the keys' types differ, or both tables have another column of
 *   the same name.
 */
export function joinTables(left: Table, right: Table, on: string | readonly string[], how: JoinKind = 'inner'): Table {
  const keys = typeof on === 'string' ? [on] : on;
  if (keys.length === 0) throw new UserError('table', 'A join needs at least one column to join on.');
  for (const key of keys) {
    const [a, b] = [column(left, key), column(right, key)];
    if (family(a) !== family(b) && !(isId(a) && isId(b))) {
      throw new UserError(
        'table',
        `Column "${key}" is ${a.type} on the left and ${b.type} on the right; they cannot be joined.`,
      );
    }
  }
  const added = right.columns.filter((item) => !keys.includes(item.name));
  const clash = added.find((item) => hasColumn(left, item.name));
  if (clash) {
    throw new UserError(
      'table',
      `Both tables have a column "${clash.name}" that is not joined on; rename or leave out one of them.`,
    );
  }

  const { leftRows, rightRows } = matches(joinKeys(left, keys), joinKeys(right, keys), how);
  const columns = left.columns.map((item) =>
    keys.includes(item.name) ? merge(item, column(right, item.name), leftRows, rightRows) : take(item, leftRows),
  );
  return tableFromColumns([...columns, ...added.map((item) => take(item, rightRows))]);
}

/** Pairs of row numbers; −1 where a side has no partner. */
function matches(left: readonly (string | null)[], right: readonly (string | null)[], how: JoinKind) {
  const places = new Map<string, number[]>();
  right.forEach((key, row) => {
    if (key === null) return;
    const list = places.get(key);
    if (list) list.push(row);
    else places.set(key, [row]);
  });
  const leftRows: number[] = [];
  const rightRows: number[] = [];
  const used = new Uint8Array(right.length);
  left.forEach((key, row) => {
    const partners = (key === null ? undefined : places.get(key)) ?? [];
    for (const partner of partners) {
      leftRows.push(row);
      rightRows.push(partner);
      used[partner] = 1;
    }
    if (partners.length === 0 && how !== 'inner') {
      leftRows.push(row);
      rightRows.push(-1);
    }
  });
  if (how === 'outer') {
    for (let row = 0; row < used.length; row++) {
      if (used[row]) continue;
      leftRows.push(-1);
      rightRows.push(row);
    }
  }
  return { leftRows, rightRows };
}

/** One text a row that is equal exactly where all keys are equal, their values as JSON; null where a key is null. */
export function joinKeys(table: Table, names: readonly string[]): (string | null)[] {
  const columns = names.map((name) => column(table, name));
  return Array.from({ length: table.rowCount }, (_, row) => {
    const parts = columns.map((item) => item.values[row] as Value);
    return parts.includes(null)
      ? null
      : JSON.stringify(parts.map((part) => (part instanceof Int32Array ? [...part] : String(part))));
  });
}

function family(item: Column): string {
  return item.type === 'int32' || item.type === 'int64' ? 'integer' : item.type;
}

function isId(item: Column): boolean {
  return item.type === 'string' || family(item) === 'integer';
}

function merge(left: Column, right: Column, leftRows: readonly number[], rightRows: readonly number[]): Column {
  const wide = left.type === right.type ? left.type : family(left) === family(right) ? 'int64' : 'string';
  const values = leftRows.map((row, i) => {
    const value = (row >= 0 ? left.values[row] : right.values[rightRows[i] as number]) as Value;
    return wide === 'string' && value !== null ? String(value) : value;
  });
  return columnOf(left.name, wide, values);
}
