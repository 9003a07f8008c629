import { defineStep } from '@sonde/executor';
import { tableOutput } from '../shared/tables.ts';
import { config } from './config.ts';

/** Keeps the rows that fulfil every condition. */
export const tableFilter = defineStep({
  kind: 'table/filter',
  revision: 4,
  summary: 'Keeps the rows that fulfil every condition.',
  config,
  outputs: tableOutput,
  load: () => import('./run.ts'),
});
