import type { StepKind } from '@sonde/executor';
import type { FilterOperator } from '@sonde/tables';
import { closed, many, one } from '../schemas.ts';

const outputs = { table: { type: 'table', description: 'The resulting table.' } } as const;
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
const columnName = { type: 'string', minLength: 1 } as const;

const condition = closed(
  {
    column: columnName,
    op: { enum: OPERATORS },
    value: { description: 'What to compare with; a list for `in` and `not in`.' },
  },
  ['column', 'op'],
);

/** Reads a file into a table. */
export const tableImport: StepKind = {
  kind: 'table/import',
  revision: 2,
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
  outputs,
  load: () => import('./run.ts').then(({ importTable }) => ({ run: importTable })),
};

/** Keeps the rows that fulfil every condition. */
export const tableFilter: StepKind = {
  kind: 'table/filter',
  revision: 2,
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
  outputs,
  load: () => import('./run.ts').then(({ filter }) => ({ run: filter })),
};

/** Joins two tables on equal columns. */
export const tableJoin: StepKind = {
  kind: 'table/join',
  revision: 2,
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
  outputs,
  load: () => import('./run.ts').then(({ join }) => ({ run: join })),
};

/** Puts tables under each other, with the axes that tell them apart as columns. */
export const tableConcat: StepKind = {
  kind: 'table/concat',
  revision: 2,
  summary: 'Puts tables under each other; axis values of collected tables become columns.',
  config: closed({ tables: many('Tables with the same columns.', 'table') }, ['tables']),
  outputs,
  load: () => import('./run.ts').then(({ concat }) => ({ run: concat })),
};
