import type { StepKind } from '@sonde/executor';
import type { FilterOperator } from '@sonde/tables';
import { closed, one } from '../shared/schemas.ts';
import { columnName, tableOutput } from '../shared/tables.ts';

const OPERATORS = [
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'not in',
  'contains',
  'is null',
  'is not null',
] as const satisfies readonly FilterOperator[];

const condition = closed(
  {
    column: columnName,
    op: { enum: OPERATORS },
    value: { description: 'What to compare with; a list for `in` and `not in`.' },
  },
  ['column', 'op'],
);

/** Keeps the rows that fulfil every condition. */
export const tableFilter: StepKind = {
  kind: 'table/filter',
  revision: 3,
  summary: 'Keeps the rows that fulfil every condition.',
  config: closed(
    {
      table: one('The table.', 'table'),
      where: {
        type: 'array',
        items: condition,
        minItems: 1,
        description: 'All must hold; null fulfils only `is null`.',
      },
    },
    ['table', 'where'],
  ),
  outputs: tableOutput,
  load: () => import('./run.ts'),
};
