import type { StepKind } from '@sonde/executor';
import { CONTINUATIONS, STATES, tableProse, tensorsProse } from '@sonde/formats/columns';
import { dividePrompts } from '../shared/model/division.ts';
import { engineRuntime, modelAffinity } from '../shared/model/engine.ts';
import {
  checkInterventions,
  closed,
  interventions,
  layers,
  model,
  one,
  pool,
  seed,
  sites,
  stateDtype,
} from '../shared/schemas.ts';

/** Continuations of prompts, and on the way the hidden states of both. */
export const textGenerate: StepKind = {
  kind: 'text/generate',
  revision: 3,
  summary: 'Continues prompts with a language model; optionally captures hidden states in the same pass.',
  config: closed(
    {
      model,
      prompts: one('A table with `prompt_id`, `rendered`, `span_start`, `span_end`.', 'table'),
      num_return_sequences: {
        type: 'integer',
        minimum: 1,
        maximum: 100_000,
        default: 25,
        description: 'Continuations a prompt.',
      },
      max_new_tokens: { type: 'integer', minimum: 1, maximum: 100_000, default: 20 },
      do_sample: { type: 'boolean', default: true, description: '`false`: greedy decoding.' },
      temperature: { type: 'number', exclusiveMinimum: 0, default: 1 },
      top_p: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.9 },
      top_k: { type: 'integer', minimum: 0, default: 0, description: '0: no limit.' },
      repetition_penalty: { type: 'number', exclusiveMinimum: 0, default: 1 },
      seed,
      capture: {
        ...closed({ layers, pool, sites, dtype: stateDtype }),
        description: 'Captures pooled hidden states of prompts and continuations.',
      },
      interventions,
    },
    ['model', 'prompts'],
  ),
  outputs: {
    continuations: { type: 'table', description: tableProse(CONTINUATIONS) },
    states: { type: 'tensors', description: tensorsProse(STATES, 'Only with `capture`.') },
  },
  outputsOf: (config) => {
    const { continuations, states } = textGenerate.outputs;
    return config.capture === undefined
      ? { continuations: continuations! }
      : { continuations: continuations!, states: states! };
  },
  check: (config) => [
    ...checkInterventions(config),
    ...(config.do_sample === false && Number(config.num_return_sequences) > 1
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
};
