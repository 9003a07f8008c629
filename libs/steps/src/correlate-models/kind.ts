import { defineStep } from '@sonde/executor';
import { CORRELATIONS, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** Across models: does encoding a property go with behaving that way? */
export const correlateModels = defineStep({
  kind: 'correlate/models',
  revision: 4,
  summary: 'Correlates, across models, the probe score of each layer with a behaviour metric.',
  config,
  outputs: { correlations: { type: 'table', description: tableProse(CORRELATIONS) } },
  load: () => import('./run.ts'),
});
