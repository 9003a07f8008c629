import { defineStep } from '@sonde/executor';
import { artifacts, type ConfigOf, object } from '@sonde/pipeline';
import { tableOutput } from '../shared/tables.ts';

const config = object({ tables: artifacts('table', { description: 'Tables with the same columns.' }) });

export type Config = ConfigOf<typeof config>;

/** Puts tables under each other, with the axes that tell them apart as columns. */
export const tableConcat = defineStep({
  kind: 'table/concat',
  revision: 3,
  summary: 'Puts tables under each other; axis values of collected tables become columns.',
  config,
  outputs: tableOutput,
  load: () => import('./run.ts'),
});
