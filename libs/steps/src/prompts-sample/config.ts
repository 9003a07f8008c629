import {
  artifact,
  type ConfigOf,
  constant,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  text,
} from '@sonde/pipeline';
import { USUAL_DATE } from '@sonde/tokenizers/usual-date';
import { missing } from '../shared/missing.ts';
import { attribute, seed } from '../shared/schemas.ts';

const strata = object(
  {
    attribute,
    edges: list(number({ minimum: 0, maximum: 1 }), {
      minItems: 1,
      uniqueItems: true,
      default: [0.5],
      description: 'Where the attribute’s range is cut; a value on an edge belongs to the upper stratum.',
    }),
    shares: optional(
      list(number({ minimum: 0, maximum: 1 }), {
        description: 'Share of the sample for each stratum, from the lowest; equal by default.',
      }),
    ),
  },
  { description: 'Samples so many prompts from each range of an attribute.' },
);

export const config = object({
  source: artifact('table', {
    description: 'Parquet, JSONL, JSON or CSV; columns `text` and `score.<ATTRIBUTE>`, or RealToxicityPrompts’ layout.',
  }),
  count: oneOf([integer({ minimum: 1 }), constant('all')], {
    description:
      'How many prompts: a larger number keeps the smaller sample and appends to it. Or `all`: every row, in the order of the source.',
    default: 'all',
  }),
  seed,
  text: optional(
    text({
      minLength: 1,
      description: 'The column that holds the prompt; found by itself by default.',
    }),
  ),
  id: optional(
    text({
      minLength: 1,
      description:
        'The column that holds the prompts’ ids; `prompt_id` where the source has it, else made of the text.',
    }),
  ),
  missing,
  strata: optional(strata),
  template: oneOf([integer({ minimum: 0, maximum: 4 }), text({ pattern: '\\{prompt\\}' })], {
    description:
      '0 passes the prompt as it is; 1–4 wrap it in an instruction; or a text that contains `{prompt}` once.',
    default: 0,
  }),
  chat: optional(
    artifact('model', { description: 'A checkpoint whose chat template wraps the rendered text as a user’s turn.' }),
  ),
  chat_date: optional(
    text({
      pattern: '^\\d{4}-\\d{2}-\\d{2}$',
      description:
        'The day that a chat template writes for today’s (`strftime_now`), at midnight: the day in Llama’s own template unless another is named, so that prompts are the same on every day.',
    }),
    USUAL_DATE,
  ),
});

export type Config = ConfigOf<typeof config>;

export type Strata = ConfigOf<typeof strata>;
