import { defineStep } from '@sonde/executor';
import { config } from './config.ts';

/** The report: one HTML file that needs nothing else. */
export const reportHtml = defineStep({
  kind: 'report/html',
  revision: 36,
  summary: 'Writes one self-contained HTML report from whatever results it is given, a summary and figures.',
  config,
  outputs: {
    report: { type: 'html', description: 'The report.' },
    summary: {
      type: 'file',
      extension: '.md',
      description: 'Its main numbers in Markdown, with links to `figures/`: name the output so.',
    },
    figures: {
      type: 'file',
      description:
        'A folder: each figure as SVG with its data as CSV, and `figures.csv`, which says what each shows and which steps made it.',
    },
  },
  describesPipeline: true,
  check: ({ continuations, scores }) =>
    (continuations === undefined) === (scores === undefined)
      ? []
      : [{ path: [], message: 'examples need both `continuations` and `scores`' }],
  load: () => import('./run.ts'),
  cost: () => import('./cost.ts'),
});
