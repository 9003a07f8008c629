import { anything, artifact, artifacts, type ConfigOf, integer, object, optional, text } from '@sonde/pipeline';
import { toxicityByDefault } from '../shared/schemas.ts';

export const config = object({
  title: optional(text({ description: 'The pipeline’s name by default.' })),
  model: optional(
    anything({
      description:
        'The one model that all is about, as the other steps have it: its name, where no axis `model` says it.',
    }),
  ),
  summaries: optional(artifacts('table', { description: 'Behaviour, a table a model.' })),
  probes: optional(artifacts('table', { description: 'Probe scores, a table a model.' })),
  correlations: optional(artifact('table', { description: 'Correlations across models.' })),
  bypassed: optional(
    artifacts('table', { description: 'Behaviour with blocks bypassed, collected over `model` and `block`.' }),
  ),
  changes: optional(
    artifacts('table', { description: 'What changes did to behaviour: `changes` of `behavior/compare`, one or more.' }),
  ),
  probe_changes: optional(
    artifacts('table', { description: 'What they did to probes: `changes` of `probe/compare`, one or more.' }),
  ),
  variances: optional(
    artifact('table', { description: 'How much replicates of a setting differ: `variances` of `behavior/variance`.' }),
  ),
  comparison: optional(artifact('table', { description: 'Two scorers: `comparison` of `score/compare`.' })),
  calibration: optional(artifact('table', { description: 'With `comparison`: its `calibration`.' })),
  disagreements: optional(artifact('table', { description: 'With `comparison`: its `disagreements`.' })),
  prompts: optional(
    artifact('table', { description: 'The prompts: for the examples, and to count near-duplicates among them.' }),
  ),
  continuations: optional(artifacts('table', { description: 'Continuations, for the examples.' })),
  scores: optional(artifacts('table', { description: 'Their scores, for the examples.' })),
  examples: integer({ minimum: 0, maximum: 200, default: 8, description: 'Examples a model.' }),
  attribute: toxicityByDefault,
});

export type Config = ConfigOf<typeof config>;
