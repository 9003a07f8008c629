import { GROUPS } from '@sonde/formats/columns';
import {
  artifact,
  artifacts,
  type ConfigOf,
  integer,
  map,
  number,
  object,
  oneOf,
  optional,
  text,
  words,
} from '@sonde/pipeline';
import type { DrawnMetric } from '@sonde/probing';
import { comparable } from '../shared/comparable.ts';
import { unmatched } from '../shared/matching.ts';
import { attributes, bootstrapOf, empty } from '../shared/schemas.ts';

/** Scores of probes that can be correlated with behaviour. */
const PROBE_METRICS = ['pearson', 'r2', 'auc', 'balanced_accuracy', 'macro_f1'] as const satisfies DrawnMetric[];

export const config = object({
  summaries: artifacts('table', { description: 'Summaries of behaviour, collected over an axis.' }),
  probes: artifacts('table', { description: 'Probe scores, collected over the same axis.' }),
  scores: optional(
    artifacts('table', {
      description:
        'Scores of the continuations, collected over the same axis: behaviour is then over the prompts that all of them share.',
    }),
  ),
  prompts: optional(artifact('table', { description: 'The prompts, where `scores` and a `group` are given.' })),
  predictions: optional(
    artifacts('table', {
      description: 'Predictions of `probe/train`, with `scores`: gives intervals by bootstrap over prompts.',
    }),
  ),
  attributes,
  unmatched,
  comparable,
  unit: optional(
    text({
      minLength: 1,
      description:
        'The axis whose values n counts, `model` by default; along the others each unit is averaged. Needed where there are several axes and none is `model`.',
    }),
  ),
  family: optional(
    oneOf([text({ minLength: 1 }), map(text({ minLength: 1 }))], {
      description:
        'Which units are related: an axis, or a map from unit to family. Families change places as blocks in permutations, and are left out one by one.',
    }),
  ),
  covariates: optional(
    map(map(number()), {
      description:
        'What else the partial correlations are given, beside the spread of the labels: a number for each unit (`log_parameters: { model-a: 8.1, … }`, `instruction_tuned: { model-a: 1, … }`).',
    }),
    {},
  ),
  empty,
  metric: words(['emt', 'probability'], {
    default: 'emt',
    description:
      '`probability`: the share of prompts with a score of at least 0.5; of summaries in mode `paper`, above 0.5. With `scores` both are shares of the prompts that all models share.',
  }),
  probe_metric: words(PROBE_METRICS, {
    default: 'pearson',
    description:
      'Which score of the probes is correlated: of classes (`logistic`) `auc` or `macro_f1` do not fall with the share of the rarer class.',
  }),
  group: words(GROUPS, { default: 'all' }),
  depth: words(['relative', 'layer'], {
    default: 'relative',
    description:
      '`relative`: compare at the same share of the depth (models may differ in depth); `layer`: at the same layer number.',
  }),
  points: integer({
    minimum: 2,
    maximum: 200,
    default: 9,
    description: 'Points of relative depth, from 0 to 1.',
  }),
  multiplicity: words(['benjamini-hochberg', 'benjamini-yekutieli', 'holm'], {
    default: 'benjamini-hochberg',
    description: 'Correction of p-values over all correlations of the step.',
  }),
  bootstrap: bootstrapOf(
    'Intervals by bootstrap over units, and over prompts with `predictions`; those of single coefficients by Fisher’s z. `bca` is defined where one kind of thing is resampled, so not with `predictions`.',
  ),
});

export type Config = ConfigOf<typeof config>;
