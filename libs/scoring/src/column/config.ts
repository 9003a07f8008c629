import { type ConfigOf, constant, object } from '@sonde/pipeline';
import { byAttribute, name } from '../fields.ts';

export const config = object({
  kind: constant('column'),
  name,
  columns: byAttribute('Attribute → the column of the table of texts that holds its scores.'),
});

export type Config = ConfigOf<typeof config>;
