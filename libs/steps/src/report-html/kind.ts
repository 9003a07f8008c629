import type { StepKind } from '@sonde/executor';
import { attribute, closed, many, one } from '../shared/schemas.ts';

/** The report: one HTML file that needs nothing else. */
export const reportHtml: StepKind = {
  kind: 'report/html',
  revision: 3,
  summary: 'Writes one self-contained HTML report from whatever results it is given.',
  config: closed({
    title: { type: 'string', description: 'The pipeline’s name by default.' },
    summaries: many('Behaviour, a table a model.', 'table'),
    probes: many('Probe scores, a table a model.', 'table'),
    correlations: one('Correlations across models.', 'table'),
    bypassed: many('Behaviour with blocks bypassed, collected over `model` and `layer`.', 'table'),
    prompts: one('The prompts, for the examples.', 'table'),
    continuations: many('Continuations, for the examples.', 'table'),
    scores: many('Their scores, for the examples.', 'table'),
    examples: { type: 'integer', minimum: 0, maximum: 200, default: 8, description: 'Examples a model.' },
    attribute: { ...attribute, default: 'TOXICITY' },
  }),
  outputs: { report: { type: 'html', description: 'The report.' } },
  describesPipeline: true,
  check: (config) =>
    (config.continuations === undefined) === (config.scores === undefined)
      ? []
      : [{ path: [], message: 'examples need both `continuations` and `scores`' }],
  load: () => import('./run.ts'),
};
