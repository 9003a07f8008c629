import type { StepKind } from '@sonde/executor';
import { CORRELATIONS, tableProse } from '@sonde/formats/columns';
import { attributes, closed, many } from '../shared/schemas.ts';

/** Across models: does encoding a property go with behaving that way? */
export const correlateModels: StepKind = {
  kind: 'correlate/models',
  revision: 1,
  summary: 'Correlates, across models, the probe score of each layer with a behaviour metric.',
  config: closed(
    {
      summaries: many('Summaries of behaviour, collected over an axis.', 'table'),
      probes: many('Probe scores, collected over the same axis.', 'table'),
      attributes,
      metric: { enum: ['emt', 'toxicity_probability'], default: 'emt' },
      group: { enum: ['all', 'toxic', 'nontoxic'], default: 'all' },
      depth: {
        enum: ['relative', 'layer'],
        default: 'relative',
        description:
          '`relative`: compare at the same share of the depth (models may differ in depth); `layer`: at the same layer number.',
      },
      points: {
        type: 'integer',
        minimum: 2,
        maximum: 200,
        default: 9,
        description: 'Points of relative depth, from 0 to 1.',
      },
      multiplicity: {
        enum: ['benjamini-hochberg', 'benjamini-yekutieli', 'holm'],
        default: 'benjamini-hochberg',
        description: 'Correction of p-values over all correlations of the step.',
      },
      level: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95 },
    },
    ['summaries', 'probes'],
  ),
  outputs: {
    correlations: { type: 'table', description: tableProse(CORRELATIONS) },
  },
  load: () => import('./run.ts'),
};
