import { SCORES, tableOf } from '@sonde/formats';
import { type Column, column, hasColumn, readTableParts, sliceRows, type Table } from '@sonde/tables';
import { textId } from '../shared/texts.ts';
import type { RowOutcome } from './row-outcomes.ts';

export const ID_COLUMNS = ['prompt_id', 'sample', 'text_id'];

/** Rows that are in memory at once. */
const ROWS = 16_384;

/** A table in parts of at most so many rows. */
export async function* partsOf(
  path: string,
  columns: readonly string[],
  optional: readonly string[],
): AsyncGenerator<Table> {
  for await (const part of readTableParts(path, { columns, optional })) {
    if (part.rowCount <= ROWS) yield part;
    else for (let from = 0; from < part.rowCount; from += ROWS) yield sliceRows(part, from, from + ROWS);
  }
}

/** What names the texts: the table's own ids, else a hash of each text. */
function idColumns(table: Table, texts: readonly (string | null)[]): Column[] {
  const own = ID_COLUMNS.filter((name) => hasColumn(table, name));
  if (own.includes('prompt_id') || own.includes('text_id')) return own.map((name) => column(table, name));
  return [{ name: 'text_id', type: 'string', values: texts.map(textId) }];
}

/** The rows of a part with their scores. */
export function scoredPart(
  part: Table,
  texts: readonly (string | null)[],
  outcomes: readonly RowOutcome[],
  attributes: readonly string[],
  scorer: string,
): Table {
  const scored = outcomes.map(({ outcome, scores }) => ({
    score: Object.fromEntries(attributes.map((attribute, i) => [attribute, scores[i] ?? null])),
    outcome,
    scorer,
  }));
  return tableOf(SCORES, scored, { before: idColumns(part, texts), families: { score: attributes } });
}
