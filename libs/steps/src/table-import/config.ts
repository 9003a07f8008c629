import { artifact, type ConfigOf, list, map, object, optional } from '@sonde/pipeline';
import { missing } from '../shared/missing.ts';
import { columnName } from '../shared/tables.ts';

export const config = object({
  source: artifact('table', { description: 'The file.' }),
  rename: optional(map(columnName, { description: 'Old column name → new name.' }), {}),
  missing,
  columns: optional(
    list(columnName, {
      minItems: 1,
      uniqueItems: true,
      description: 'Columns to keep (new names), in this order; all by default.',
    }),
  ),
});

export type Config = ConfigOf<typeof config>;
