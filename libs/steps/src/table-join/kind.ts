import type { StepKind } from '@sonde/executor';
import { closed, one } from '../shared/schemas.ts';
import { columnName, tableOutput } from '../shared/tables.ts';

/** Joins two tables on equal columns. */
export const tableJoin: StepKind = {
  kind: 'table/join',
  revision: 3,
  summary: 'Joins two tables on columns that both have.',
  config: closed(
    {
      left: one('The left table: its row order is kept.', 'table'),
      right: one('The right table.', 'table'),
      on: { type: 'array', items: columnName, minItems: 1, uniqueItems: true },
      how: { enum: ['inner', 'left'], default: 'inner' },
      conflicts: {
        enum: ['error', 'left', 'right'],
        default: 'error',
        description: 'Which table a column is taken from that both have besides those joined on.',
      },
    },
    ['left', 'right', 'on'],
  ),
  outputs: tableOutput,
  load: () => import('./run.ts'),
};
