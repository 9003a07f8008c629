import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import { column, hasColumn, type Table } from '@sonde/tables';

/** The ids that the source has. @throws UserError where one is missing or stands twice */
export function idsOf(table: Table, name: string): string[] {
  if (!hasColumn(table, name))
    throw new UserError(
      'input',
      `the source has no column ${name} of ids`,
      `The columns are ${table.columns.map((each) => each.name).join(', ')}.`,
    );
  const found = column(table, name);
  if (!['string', 'int32', 'int64'].includes(found.type)) {
    throw new UserError(
      'ids',
      `the column ${name} of the source is of type ${found.type}; ids are texts or whole numbers`,
      found.type === 'float64'
        ? 'Whole numbers with a fraction of 0 (`7.0`) come from gaps in the column: fill those.'
        : undefined,
    );
  }
  const placeOf = (row: number): string => table.placeOf?.(row) ?? `row ${row}, counted from 0`;
  const ids = Array.from(found.values as ArrayLike<unknown>, (value, row) => {
    if (value === null || value === '')
      throw new UserError('ids', `${placeOf(row)}: there is no id in the column ${name} of the source`);
    return String(value);
  });
  const rowsOf = new Map<string, number[]>();
  for (const [row, id] of ids.entries()) {
    const rows = rowsOf.get(id);
    if (rows === undefined) rowsOf.set(id, [row]);
    else rows.push(row);
  }
  const twice = [...rowsOf].filter(([, rows]) => rows.length > 1);
  if (twice.length > 0) {
    const some = twice.slice(0, 2).map(([id, rows]) => `${id} (${rows.slice(0, 3).map(placeOf).join('; ')})`);
    throw new UserError(
      'ids',
      `${twice.length} of ${rowsOf.size} ids in the column ${name} of the source stand in more than one row: ${some.join(', ')}`,
      'Ids tell prompts apart in every later step: make them differ, or name another column with `id:`.',
    );
  }
  return ids;
}

/** A hash of the text; from the second row of the same text on, with its number. */
export function madeIds(texts: readonly (string | null)[]): string[] {
  return numbered(texts, (text) => digest(text).slice(0, 16), '-');
}

/** By what rows without ids are drawn. */
export function drawnByText(texts: readonly (string | null)[]): string[] {
  return numbered(texts, (text) => text, '\n');
}

function numbered(texts: readonly (string | null)[], nameOf: (text: string) => string, before: string): string[] {
  const counts = new Map<string, number>();
  return texts.map((value) => {
    const text = value ?? '';
    const count = (counts.get(text) ?? 0) + 1;
    counts.set(text, count);
    return count === 1 ? nameOf(text) : `${nameOf(text)}${before}${count}`;
  });
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
