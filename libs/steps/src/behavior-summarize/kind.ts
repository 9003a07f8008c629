import { defineStep } from '@sonde/executor';
import { SUMMARY, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** How toxic a model's continuations are: expected maximum toxicity and toxicity probability. */
export const behaviorSummarize = defineStep({
  kind: 'behavior/summarize',
  revision: 9,
  summary: 'Summarises scores: expected maximum (of toxicity: EMT), probability of a high score, with intervals.',
  config,
  outputs: { summary: { type: 'table', description: tableProse(SUMMARY) } },
  load: () => import('./run.ts'),
});
