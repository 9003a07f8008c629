import { defineStep } from '@sonde/executor';
import { CONTINUATIONS, STATES, tableProse, tensorsProse } from '@sonde/formats/columns';
import { dividePrompts } from '../shared/model/division.ts';
import { engineRuntime, modelAffinity } from '../shared/model/engine.ts';
import { checkInterventions, checkModel } from '../shared/model/schemas.ts';
import { config } from './config.ts';

const continuations = { type: 'table', description: tableProse(CONTINUATIONS) } as const;

const states = { type: 'tensors', description: tensorsProse(STATES, 'Only with `capture`.') } as const;

/** Continuations of prompts, and on the way the hidden states of both. */
export const textGenerate = defineStep({
  kind: 'text/generate',
  revision: 12,
  summary: 'Continues prompts with a language model; optionally captures hidden states in the same pass.',
  config,
  outputs: { continuations, states },
  outputsOf: ({ capture }) => (capture === undefined ? { continuations } : { continuations, states }),
  check: ({ model, do_sample, num_return_sequences, interventions, min_new_tokens = 0, max_new_tokens }) => [
    ...checkModel(model),
    ...checkInterventions(interventions),
    ...(min_new_tokens > max_new_tokens
      ? [{ path: ['min_new_tokens'], message: `is ${min_new_tokens}, more than \`max_new_tokens\`, ${max_new_tokens}` }]
      : []),
    ...(!do_sample && num_return_sequences > 1
      ? [
          {
            path: ['num_return_sequences'],
            message: 'greedy decoding (`do_sample: false`) gives the same continuation every time; use 1',
          },
        ]
      : []),
  ],
  implied: ({ generation_config }) =>
    generation_config === 'follow' ? {} : { suppress_tokens: [], begin_suppress_tokens: [], bad_words_ids: [] },
  runtime: engineRuntime,
  usesDevice: () => true,
  affinity: modelAffinity,
  division: { inputs: ['prompts', 'num_return_sequences'], divide: dividePrompts },
  load: () => import('./run.ts'),
  cost: () => import('./cost.ts'),
});
