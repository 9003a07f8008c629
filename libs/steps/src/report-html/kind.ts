import { defineStep } from '@sonde/executor';
import { config } from './config.ts';

/** The report: one HTML file that needs nothing else. */
export const reportHtml = defineStep({
  kind: 'report/html',
  revision: 9,
  summary: 'Writes one self-contained HTML report from whatever results it is given.',
  config,
  outputs: { report: { type: 'html', description: 'The report.' } },
  describesPipeline: true,
  check: ({ continuations, scores }) =>
    (continuations === undefined) === (scores === undefined)
      ? []
      : [{ path: [], message: 'examples need both `continuations` and `scores`' }],
  load: () => import('./run.ts'),
});
