import { defineStep } from '@sonde/executor';
import { artifact, type ConfigOf, list, map, object, optional } from '@sonde/pipeline';
import { columnName, tableOutput } from '../shared/tables.ts';

const config = object({
  source: artifact('table', { description: 'The file.' }),
  rename: optional(map(columnName, { description: 'Old column name → new name.' })),
  columns: optional(
    list(columnName, {
      minItems: 1,
      uniqueItems: true,
      description: 'Columns to keep (new names), in this order; all by default.',
    }),
  ),
});

export type Config = ConfigOf<typeof config>;

/** Reads a file into a table. */
export const tableImport = defineStep({
  kind: 'table/import',
  revision: 3,
  summary: 'Reads Parquet, JSONL, JSON or CSV into a table.',
  config,
  outputs: tableOutput,
  load: () => import('./run.ts'),
});
