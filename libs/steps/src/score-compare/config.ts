import { artifacts, type ConfigOf, integer, list, map, number, object, optional, text } from '@sonde/pipeline';
import { unmatched } from '../shared/matching.ts';
import { ATTRIBUTE, attributes, resampling, seed } from '../shared/schemas.ts';

export const config = object({
  scores: artifacts('table', {
    description: 'Scores of `text/score`: of one table, or collected over an axis (`model`).',
  }),
  reference: artifacts('table', {
    description:
      'What they are compared with: scores of the same texts by another scorer, or, with `labels`, any table.',
  }),
  labels: optional(
    map(text({ minLength: 1 }), {
      names: ATTRIBUTE,
      minProperties: 1,
      description: 'Attribute → column of `reference` with what people say: numbers from 0 to 1, or true and false.',
    }),
  ),
  texts: optional(
    artifacts('table', { description: 'The texts: gives groups by length, and the words of the examples.' }),
  ),
  column: text({
    minLength: 1,
    default: 'text',
    description: 'The column of `texts` (and of `reference`, where it has no ids) that holds them.',
  }),
  attributes,
  thresholds: list(number({ minimum: 0, maximum: 1 }), {
    minItems: 1,
    uniqueItems: true,
    default: [0.25, 0.5, 0.75],
    description: 'Where agreement, kappa and shares are taken.',
  }),
  label_threshold: number({
    minimum: 0,
    maximum: 1,
    default: 0.5,
    description: 'From this reference score on a text has the label: for the AUC.',
  }),
  lengths: list(integer({ minimum: 1 }), {
    uniqueItems: true,
    default: [8, 16, 32],
    description: 'Words at which groups by length begin.',
  }),
  bins: integer({ minimum: 2, maximum: 100, default: 10, description: 'Bins of the calibration curve.' }),
  examples: integer({
    minimum: 0,
    maximum: 1000,
    default: 10,
    description: 'Texts an attribute that differ most, half above the reference and half below.',
  }),
  unmatched,
  bootstrap: object(
    { ...resampling, seed },
    { default: {}, description: 'Intervals by percentile bootstrap over prompts, or texts that belong to none.' },
  ),
});

export type Config = ConfigOf<typeof config>;
