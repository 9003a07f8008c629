import { defineStep } from '@sonde/executor';
import { tableOutput } from '../shared/tables.ts';
import { config } from './config.ts';

/** Joins two tables on equal columns. */
export const tableJoin = defineStep({
  kind: 'table/join',
  revision: 6,
  summary: 'Joins two tables on columns that both have.',
  config,
  outputs: tableOutput,
  load: () => import('./run.ts'),
});
