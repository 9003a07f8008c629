import { anything, artifact, type ConfigOf, list, object, optional, words } from '@sonde/pipeline';
import type { FilterOperator } from '@sonde/tables';
import { columnName } from '../shared/tables.ts';

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

const condition = object({
  column: columnName,
  op: words(OPERATORS),
  value: optional(anything({ description: 'What to compare with; a list for `in` and `not in`.' })),
});

export const config = object({
  table: artifact('table', { description: 'The table.' }),
  where: list(condition, { minItems: 1, description: 'All must hold; null fulfils only `is null`.' }),
});

export type Config = ConfigOf<typeof config>;
