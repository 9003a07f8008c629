import { defineStep } from '@sonde/executor';
import { tableProse, VARIANCES } from '@sonde/formats/columns';
import { config } from './config.ts';

/** Do settings differ by more than replicates of one setting do? */
export const behaviorVariance = defineStep({
  kind: 'behavior/variance',
  revision: 1,
  summary:
    'Splits the variance of a metric into what is between settings and what is between replicates (seeds) of one.',
  config,
  outputs: { variances: { type: 'table', description: tableProse(VARIANCES) } },
  load: () => import('./run.ts'),
});
