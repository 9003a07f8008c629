import { defineStep } from '@sonde/executor';
import { tableOutput } from '../shared/tables.ts';
import { config } from './config.ts';

/** Reads a file into a table. */
export const tableImport = defineStep({
  kind: 'table/import',
  revision: 4,
  summary: 'Reads Parquet, JSONL, JSON or CSV into a table.',
  config,
  outputs: tableOutput,
  cost: () => import('./cost.ts'),
  load: () => import('./run.ts'),
});
