import { defineStep } from '@sonde/executor';
import { PREDICTIONS, PROBE_SCORES, PROBE_WEIGHTS, tableProse, tensorsProse } from '@sonde/formats/columns';
import { config } from './config.ts';

const scores = { type: 'table', description: tableProse(PROBE_SCORES) } as const;

const weights = { type: 'tensors', description: tensorsProse(PROBE_WEIGHTS) } as const;

const predictions = { type: 'table', description: tableProse(PREDICTIONS, 'Only with `predictions`.') } as const;

/** Linear probes from hidden states to scores, layer by layer. */
export const probeTrain = defineStep({
  kind: 'probe/train',
  revision: 4,
  summary: 'Trains linear probes from hidden states to scores: layer × scenario × target × fold, with baselines.',
  config,
  outputs: { scores, weights, predictions },
  outputsOf: (config) => ({ scores, weights, ...(config.predictions && { predictions }) }),
  load: () => import('./run.ts'),
});
