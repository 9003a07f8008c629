import { defineStep } from '@sonde/executor';
import { LOSSES, STATES, tableProse, tensorsProse } from '@sonde/formats/columns';
import { artifact, boolean, type ConfigOf, object, optional } from '@sonde/pipeline';
import { dividePairs } from '../shared/model/division.ts';
import { engineRuntime, modelAffinity } from '../shared/model/engine.ts';
import {
  checkInterventions,
  interventions,
  layers,
  model,
  poolWithoutDefault,
  prompts,
  sites,
  stateDtype,
} from '../shared/model/schemas.ts';

const config = object({
  model,
  prompts,
  continuations: optional(
    artifact('table', {
      description: 'A table with `prompt_id`, `sample`, `token_ids`; without it only prompts are read.',
    }),
  ),
  layers,
  pool: poolWithoutDefault,
  sites,
  dtype: stateDtype,
  interventions,
  losses: boolean({
    default: false,
    description: 'Also gives the negative log-likelihood of each prompt under the same interventions: perplexity.',
  }),
});

export type Config = ConfigOf<typeof config>;

const states = { type: 'tensors', description: tensorsProse(STATES) } as const;

const losses = { type: 'table', description: tableProse(LOSSES, 'Only with `losses`.') } as const;

/** Hidden states of given texts by one teacher-forced pass. */
export const activationsCapture = defineStep({
  kind: 'activations/capture',
  revision: 4,
  summary: 'Reads hidden states of prompts, or of prompts with given continuations, in one teacher-forced pass.',
  config,
  outputs: { states, losses },
  outputsOf: (config) => (config.losses ? { states, losses } : { states }),
  check: ({ interventions }) => checkInterventions(interventions),
  runtime: engineRuntime,
  usesDevice: true,
  affinity: modelAffinity,
  division: { inputs: ['prompts', 'continuations'], divide: dividePairs },
  load: () => import('./run.ts'),
});
