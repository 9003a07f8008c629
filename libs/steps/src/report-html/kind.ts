import { defineStep } from '@sonde/executor';
import { artifact, artifacts, type ConfigOf, integer, object, optional, text } from '@sonde/pipeline';
import { toxicityByDefault } from '../shared/schemas.ts';

const config = object({
  title: optional(text({ description: 'The pipeline’s name by default.' })),
  summaries: optional(artifacts('table', { description: 'Behaviour, a table a model.' })),
  probes: optional(artifacts('table', { description: 'Probe scores, a table a model.' })),
  correlations: optional(artifact('table', { description: 'Correlations across models.' })),
  bypassed: optional(
    artifacts('table', { description: 'Behaviour with blocks bypassed, collected over `model` and `block`.' }),
  ),
  prompts: optional(artifact('table', { description: 'The prompts, for the examples.' })),
  continuations: optional(artifacts('table', { description: 'Continuations, for the examples.' })),
  scores: optional(artifacts('table', { description: 'Their scores, for the examples.' })),
  examples: integer({ minimum: 0, maximum: 200, default: 8, description: 'Examples a model.' }),
  attribute: toxicityByDefault,
});

export type Config = ConfigOf<typeof config>;

/** The report: one HTML file that needs nothing else. */
export const reportHtml = defineStep({
  kind: 'report/html',
  revision: 7,
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
