import { defineStep } from '@sonde/executor';
import { tableOutput } from '../shared/tables.ts';
import { config } from './config.ts';

/** Puts tables under each other, with the axes that tell them apart as columns. */
export const tableConcat = defineStep({
  kind: 'table/concat',
  revision: 4,
  summary: 'Puts tables under each other; axis values of collected tables become columns.',
  config,
  outputs: tableOutput,
  load: () => import('./run.ts'),
});
