import { boolean, type ConfigOf, constant, integer, list, number, object, oneOf, optional } from '@sonde/pipeline';
import { interventions, layers, model, pool, prompts, sites, stateDtype } from '../shared/model/schemas.ts';
import { seed } from '../shared/schemas.ts';

const token = integer({ minimum: 0 });

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
  no_repeat_ngram_size: optional(
    integer({ minimum: 1, description: 'No run of so many tokens comes twice, the prompt’s among them.' }),
  ),
  min_new_tokens: optional(integer({ minimum: 1, description: 'No end before so many tokens.' })),
  suppress_tokens: optional(list(token, { description: 'Tokens (their ids) that never come.' })),
  begin_suppress_tokens: optional(list(token, { description: 'Tokens that never come first.' })),
  bad_words_ids: optional(
    list(list(token, { minItems: 1 }), { description: 'Sequences of tokens that never come whole.' }),
  ),
  generation_config: optional(
    oneOf([constant('follow'), constant('ignore')], {
      description:
        '`follow`: the rules of the checkpoint’s generation_config.json (`repetition_penalty`, `no_repeat_ngram_size`, `min_new_tokens`, `suppress_tokens`, `begin_suppress_tokens`, `bad_words_ids`) hold where none is given here. `ignore`: they do not. Absent: they do not, and the run says what the file asks for. How tokens are drawn (`do_sample`, `temperature`, `top_k`, `top_p`) is always decided here; the tokens that end a text are always the checkpoint’s.',
    }),
  ),
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
