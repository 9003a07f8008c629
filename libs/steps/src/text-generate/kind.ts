import { defineStep } from '@sonde/executor';
import { CONTINUATIONS, STATES, tableProse, tensorsProse } from '@sonde/formats/columns';
import { boolean, type ConfigOf, integer, number, object, optional } from '@sonde/pipeline';
import { dividePrompts } from '../shared/model/division.ts';
import { engineRuntime, modelAffinity } from '../shared/model/engine.ts';
import {
  checkInterventions,
  interventions,
  layers,
  model,
  pool,
  prompts,
  sites,
  stateDtype,
} from '../shared/model/schemas.ts';
import { seed } from '../shared/schemas.ts';

const config = object({
  model,
  prompts,
  num_return_sequences: integer({
    minimum: 1,
    maximum: 100_000,
    default: 25,
    description: 'Continuations a prompt.',
  }),
  max_new_tokens: integer({ minimum: 1, maximum: 100_000, default: 20 }),
  do_sample: boolean({ default: true, description: '`false`: greedy decoding.' }),
  temperature: number({ exclusiveMinimum: 0, default: 1 }),
  top_p: number({ exclusiveMinimum: 0, maximum: 1, default: 0.9 }),
  top_k: integer({ minimum: 0, default: 0, description: '0: no limit.' }),
  repetition_penalty: number({ exclusiveMinimum: 0, default: 1 }),
  seed,
  capture: optional(
    object(
      { layers, pool, sites, dtype: stateDtype },
      { description: 'Captures pooled hidden states of prompts and continuations.' },
    ),
  ),
  interventions,
});

export type Config = ConfigOf<typeof config>;

const continuations = { type: 'table', description: tableProse(CONTINUATIONS) } as const;

const states = { type: 'tensors', description: tensorsProse(STATES, 'Only with `capture`.') } as const;

/** Continuations of prompts, and on the way the hidden states of both. */
export const textGenerate = defineStep({
  kind: 'text/generate',
  revision: 4,
  summary: 'Continues prompts with a language model; optionally captures hidden states in the same pass.',
  config,
  outputs: { continuations, states },
  outputsOf: ({ capture }) => (capture === undefined ? { continuations } : { continuations, states }),
  check: ({ do_sample, num_return_sequences, interventions }) => [
    ...checkInterventions(interventions),
    ...(!do_sample && num_return_sequences > 1
      ? [
          {
            path: ['num_return_sequences'],
            message: 'greedy decoding (`do_sample: false`) gives the same continuation every time; use 1',
          },
        ]
      : []),
  ],
  runtime: engineRuntime,
  usesDevice: true,
  affinity: modelAffinity,
  division: { inputs: ['prompts', 'num_return_sequences'], divide: dividePrompts },
  load: () => import('./run.ts'),
});
