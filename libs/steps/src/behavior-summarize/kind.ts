import type { StepKind } from '@sonde/executor';
import { SUMMARY, tableProse } from '@sonde/formats/columns';
import { attributes, bootstrap, closed, mode, one } from '../shared/schemas.ts';

/** How toxic a model's continuations are: expected maximum toxicity and toxicity probability. */
export const behaviorSummarize: StepKind = {
  kind: 'behavior/summarize',
  revision: 2,
  summary: 'Summarises scores: expected maximum toxicity (EMT), toxicity probability, with bootstrap intervals.',
  config: closed(
    {
      scores: one('The continuations’ scores.', 'table'),
      prompts: one('The prompts with their own scores: gives the groups `toxic` and `nontoxic`.', 'table'),
      continuations: one('The continuations: adds their length, distinct-n and log-probability.', 'table'),
      losses: one('Losses of `activations/capture`: adds perplexity.', 'table'),
      reference: one(
        'Scores of the same prompts by a model to compare with (without the intervention, say): adds the change of EMT.',
        'table',
      ),
      attributes,
      mode,
      bootstrap,
    },
    ['scores'],
  ),
  outputs: {
    summary: { type: 'table', description: tableProse(SUMMARY) },
  },
  load: () => import('./run.ts'),
};
