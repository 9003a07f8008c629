import type { StepKind } from '@sonde/executor';
import { closed, one } from '../shared/schemas.ts';
import { columnName, tableOutput } from '../shared/tables.ts';

/** Reads a file into a table. */
export const tableImport: StepKind = {
  kind: 'table/import',
  revision: 3,
  summary: 'Reads Parquet, JSONL, JSON or CSV into a table.',
  config: closed(
    {
      source: one('The file.', 'table'),
      rename: { type: 'object', additionalProperties: columnName, description: 'Old column name → new name.' },
      columns: {
        type: 'array',
        items: columnName,
        minItems: 1,
        uniqueItems: true,
        description: 'Columns to keep (new names), in this order; all by default.',
      },
    },
    ['source'],
  ),
  outputs: tableOutput,
  load: () => import('./run.ts'),
};
