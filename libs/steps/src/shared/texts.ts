import { UserError } from '@sonde/base';
import { column, stringColumn, type Table } from '@sonde/tables';

/** A column with a text a row. @throws UserError for one that holds lists: many texts in one row */
export function oneTextARow(table: Table, name: string, what: string): readonly (string | null)[] {
  const found = column(table, name);
  const lists = found.type === 'list<int32>' || (found.type === 'json' && found.values.some(Array.isArray));
  if (!lists) return stringColumn(table, name);
  throw new UserError(
    'input',
    `the column ${name} of ${what} holds lists; a row for each text is needed`,
    `Give every text a row of its own (in pandas: \`df.explode("${name}")\`), and several of a prompt a column \`sample\` that counts them from 0.`,
  );
}
