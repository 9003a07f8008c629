import {
  artifact,
  boolean,
  type ConfigOf,
  constant,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  text,
  words,
} from '@sonde/pipeline';
import { ATTRIBUTE, name, record } from '../fields.ts';

// Read to plan: what loads checkpoints must not be loaded for two lists of words.
const DTYPES = ['float32', 'float16', 'bfloat16'] as const;
const QUANTIZATIONS = ['nf4', 'int8', 'int4'] as const;

const template = text({ pattern: '\\{text\\}' });

export const config = object({
  kind: constant('lm'),
  name,
  model: artifact('model', { description: 'A language model’s checkpoint.', revision: 'revision' }),
  revision: optional(text({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$', description: 'Its revision.' })),
  adapter: optional(artifact('adapter', { description: 'A LoRA adapter in PEFT’s layout.' })),
  dtype: optional(words(DTYPES, { description: 'What its weights are rounded to; as they are stored if not given.' })),
  quantization: optional(
    words(QUANTIZATIONS, { description: 'How its weights are quantised; not at all if not given.' }),
  ),
  layerwise_casting: optional(
    boolean({
      description:
        'Whether its weights stay in memory as they are stored, and become float32 layer by layer in each run.',
    }),
    false,
  ),
  template: oneOf([template, map(template, { names: ATTRIBUTE, minProperties: 1 })], {
    description:
      'What the model is asked, with `{text}` where the text stands: of TOXICITY, or attribute → what is asked for it.',
  }),
  system: optional(text({ minLength: 1, description: 'A system message before it.' })),
  chat: optional(
    boolean({
      description:
        'Whether the template is a user’s turn in the model’s chat template, or read as it stands; the former where the model has a chat template, if not given.',
    }),
  ),
  answers: oneOf(
    [list(text({ minLength: 1 }), { minItems: 2, uniqueItems: true }), map(number(), { minProperties: 2 })],
    {
      description:
        'What it may answer. A list, `[Yes, No]`: the score is the probability of the first against the others. A map, `{ "1": 0, "2": 0.5, "3": 1 }`: the expected value.',
    },
  ),
  record,
});

export type Config = ConfigOf<typeof config>;
