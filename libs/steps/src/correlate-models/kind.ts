import { defineStep } from '@sonde/executor';
import { CORRELATIONS, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** Across models: does encoding a property go with behaving that way? */
export const correlateModels = defineStep({
  kind: 'correlate/models',
  revision: 16,
  summary: 'Correlates, across models, the probe score of each layer with a behaviour metric.',
  config,
  outputs: { correlations: { type: 'table', description: tableProse(CORRELATIONS) } },
  check: ({ scores, prompts, predictions, group, bootstrap }) => [
    ...(predictions !== undefined && bootstrap.method === 'bca'
      ? [
          {
            path: ['bootstrap', 'method'],
            message: '`bca` is of one bootstrap: not of units and prompts (`predictions`) at once',
          },
        ]
      : []),
    ...(predictions !== undefined && scores === undefined
      ? [{ path: ['predictions'], message: 'intervals over prompts need `scores` beside `predictions`' }]
      : []),
    ...(scores !== undefined && group !== 'all' && prompts === undefined
      ? [{ path: ['group'], message: `which of the \`scores\` are of ${group} prompts is known from \`prompts\`` }]
      : []),
  ],
  load: () => import('./run.ts'),
});
