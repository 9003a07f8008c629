import { defineStep } from '@sonde/executor';
import { LOSSES, STATES, tableProse, tensorsProse } from '@sonde/formats/columns';
import { dividePairs } from '../shared/model/division.ts';
import { engineRuntime, modelAffinity } from '../shared/model/engine.ts';
import { checkInterventions, checkModel, poolsOfWhatThereIs } from '../shared/model/schemas.ts';
import { config } from './config.ts';

const states = { type: 'tensors', description: tensorsProse(STATES) } as const;

const losses = { type: 'table', description: tableProse(LOSSES, 'Only with `losses`.') } as const;

/** Hidden states of given texts by one teacher-forced pass. */
export const activationsCapture = defineStep({
  kind: 'activations/capture',
  revision: 14,
  summary: 'Reads hidden states of prompts, or of prompts with given continuations, in one teacher-forced pass.',
  config,
  outputs: { states, losses },
  outputsOf: (config) => (config.losses ? { states, losses } : { states }),
  check: ({ model, interventions }) => [...checkModel(model), ...checkInterventions(interventions)],
  implied: (config) => ({ pool: poolsOfWhatThereIs(config) }),
  runtime: engineRuntime,
  usesDevice: () => true,
  affinity: modelAffinity,
  division: { inputs: ['prompts', 'continuations'], divide: dividePairs },
  load: () => import('./run.ts'),
  cost: () => import('./cost.ts'),
});
