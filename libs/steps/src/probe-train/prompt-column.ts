import { UserError } from '@sonde/base';
import { readTable } from '@sonde/tables';
import type { Config } from './config.ts';

export type CellValue = string | number | boolean | bigint | null;

/**
 * A column of the prompts, in the table's order; null where the prompt has no value.
 *
 * @param purpose what it is read for: to `probe`, say
 */
export async function columnValues(
  { path, ref }: Config['prompts'],
  name: string,
  purpose: string,
): Promise<CellValue[]> {
  const table = await readTable(path);
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column === undefined)
    throw new UserError(
      'input',
      `${ref ?? 'the prompts'}: there is no column ${name} to ${purpose} by`,
      `Its columns: ${table.columns.map((candidate) => candidate.name).join(', ')}.`,
    );
  return Array.from(column.values as ArrayLike<CellValue | undefined>, (value) =>
    value === undefined || (typeof value === 'number' && Number.isNaN(value)) ? null : value,
  );
}
