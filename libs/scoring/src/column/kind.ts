import { type ConfigOf, constant, object } from '@sonde/pipeline';
import { defineScorer } from '../define-scorer.ts';
import { byAttribute, name } from '../fields.ts';

const config = object({
  kind: constant('column'),
  name,
  columns: byAttribute('Attribute → the column of the table of texts that holds its scores.'),
});

export type Config = ConfigOf<typeof config>;

export const column = defineScorer({
  kind: 'column',
  summary: 'Scores that stand in columns of the table of texts itself.',
  config,
  load: () => import('./open.ts'),
});
