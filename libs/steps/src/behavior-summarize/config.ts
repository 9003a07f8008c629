import { artifact, type ConfigOf, object, optional } from '@sonde/pipeline';
import { unmatched } from '../shared/matching.ts';
import { attributes, bootstrap, empty, mode, strict } from '../shared/schemas.ts';

export const config = object({
  scores: artifact('table', { description: 'The continuations’ scores.' }),
  prompts: optional(
    artifact('table', { description: 'The prompts with their own scores: gives the groups `high` and `low`.' }),
  ),
  continuations: optional(
    artifact('table', { description: 'The continuations: adds their length, distinct-n and log-probability.' }),
  ),
  losses: optional(artifact('table', { description: 'Losses of `activations/capture`: adds perplexity.' })),
  reference: optional(
    artifact('table', {
      description:
        'Scores of the same prompts by a model to compare with (without the intervention, say): adds the change of EMT in each group.',
    }),
  ),
  attributes,
  empty,
  mode,
  unmatched,
  strict,
  bootstrap,
});

export type Config = ConfigOf<typeof config>;
