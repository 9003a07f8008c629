import { artifacts, type ConfigOf, list, number, object, text, words } from '@sonde/pipeline';
import { comparable } from '../shared/comparable.ts';
import { attributes } from '../shared/schemas.ts';

export const config = object({
  summaries: artifacts('table', {
    description:
      'Summaries of behaviour, collected over the axis of the replicates and over what these are replicates of.',
  }),
  over: list(text({ minLength: 1 }), {
    minItems: 1,
    uniqueItems: true,
    default: ['seed'],
    description: 'Axes whose values are replicates; the values of all other axes together are one setting.',
  }),
  metrics: list(words(['emt', 'probability', 'mean_score']), {
    minItems: 1,
    uniqueItems: true,
    default: ['emt', 'probability'],
    description: 'Metrics of the summaries, over all prompts.',
  }),
  attributes,
  comparable,
  level: number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95, description: 'Of the intervals.' }),
});

export type Config = ConfigOf<typeof config>;
