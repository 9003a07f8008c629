import { defineStep } from '@sonde/executor';
import { PREDICTIONS, PROBE_SCORES, PROBE_WEIGHTS, tableProse, tensorsProse } from '@sonde/formats/columns';
import { config, PERMUTATIONS } from './config.ts';
import { DIVIDED, divideLayers } from './division.ts';

const scores = { type: 'table', description: tableProse(PROBE_SCORES) } as const;

const weights = { type: 'tensors', description: tensorsProse(PROBE_WEIGHTS) } as const;

const predictions = { type: 'table', description: tableProse(PREDICTIONS, 'Only with `predictions`.') } as const;

/** Probes from hidden states to scores, layer by layer. */
export const probeTrain = defineStep({
  kind: 'probe/train',
  revision: 21,
  summary: 'Trains probes from hidden states to scores or classes: layer × scenario × target × fold, with baselines.',
  config,
  outputs: { scores, weights, predictions },
  outputsOf: (config) => ({ scores, weights, ...(config.predictions && { predictions }) }),
  check: ({ mode, learner }) =>
    mode === 'paper' && learner !== 'ridge'
      ? [{ path: ['learner'], message: '`mode: paper` has its own learner, the published one; leave `learner` out' }]
      : [],
  implied: ({ learner }) => ({ control: { permutations: PERMUTATIONS[learner] } }),
  division: { inputs: DIVIDED, divide: divideLayers },
  load: () => import('./run.ts'),
  cost: () => import('./cost.ts'),
});
