import { boolean, type ConfigOf, integer, number, object, optional } from '@sonde/pipeline';
import { interventions, layers, model, pool, prompts, sites, stateDtype } from '../shared/model/schemas.ts';
import { seed } from '../shared/schemas.ts';

export const config = object({
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
