import type { StepKind } from '@sonde/executor';
import { LOSSES, STATES, tableProse, tensorsProse } from '@sonde/formats/columns';
import { dividePairs } from '../shared/model/division.ts';
import { engineRuntime, modelAffinity } from '../shared/model/engine.ts';
import {
  checkInterventions,
  closed,
  interventions,
  layers,
  model,
  one,
  poolWithoutDefault,
  sites,
  stateDtype,
} from '../shared/schemas.ts';

/** Hidden states of given texts by one teacher-forced pass. */
export const activationsCapture: StepKind = {
  kind: 'activations/capture',
  revision: 3,
  summary: 'Reads hidden states of prompts, or of prompts with given continuations, in one teacher-forced pass.',
  config: closed(
    {
      model,
      prompts: one('A table with `prompt_id`, `rendered`, `span_start`, `span_end`.', 'table'),
      continuations: one('A table with `prompt_id`, `sample`, `token_ids`; without it only prompts are read.', 'table'),
      layers,
      pool: poolWithoutDefault,
      sites,
      dtype: stateDtype,
      interventions,
      losses: {
        type: 'boolean',
        default: false,
        description: 'Also gives the negative log-likelihood of each prompt under the same interventions: perplexity.',
      },
    },
    ['model', 'prompts'],
  ),
  outputs: {
    states: { type: 'tensors', description: tensorsProse(STATES) },
    losses: { type: 'table', description: tableProse(LOSSES, 'Only with `losses`.') },
  },
  outputsOf: (config) => {
    const { states, losses } = activationsCapture.outputs;
    return config.losses === true ? { states: states!, losses: losses! } : { states: states! };
  },
  check: checkInterventions,
  runtime: engineRuntime,
  usesDevice: true,
  affinity: modelAffinity,
  division: { inputs: ['prompts', 'continuations'], divide: dividePairs },
  load: () => import('./run.ts'),
};
