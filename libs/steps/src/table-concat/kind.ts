import type { StepKind } from '@sonde/executor';
import { closed, many } from '../shared/schemas.ts';
import { tableOutput } from '../shared/tables.ts';

/** Puts tables under each other, with the axes that tell them apart as columns. */
export const tableConcat: StepKind = {
  kind: 'table/concat',
  revision: 3,
  summary: 'Puts tables under each other; axis values of collected tables become columns.',
  config: closed({ tables: many('Tables with the same columns.', 'table') }, ['tables']),
  outputs: tableOutput,
  load: () => import('./run.ts'),
};
