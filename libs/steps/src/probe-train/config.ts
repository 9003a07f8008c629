import { BASELINES, SCENARIOS } from '@sonde/formats/columns';
import {
  artifact,
  boolean,
  type ConfigOf,
  integer,
  list,
  number,
  object,
  optional,
  text,
  words,
} from '@sonde/pipeline';
import { unmatched } from '../shared/matching.ts';
import { CAPTURE_SITES } from '../shared/model/schemas.ts';
import { attributes, mode, seed, strict } from '../shared/schemas.ts';

export const config = object({
  states: artifact('tensors', { description: 'Hidden states with their row index.' }),
  prompts: artifact('table', {
    description: 'The prompts: targets of `input` and `forward`, texts for the baselines.',
  }),
  scores: optional(
    artifact('table', { description: 'The continuations’ scores: targets of `output` and `backward`.' }),
  ),
  continuations: optional(
    artifact('table', { description: 'The continuations: texts for the baselines of `forward` and `output`.' }),
  ),
  site: optional(
    words(CAPTURE_SITES, { description: 'Which of the captured sites is probed: `residual` if not given.' }),
  ),
  scenarios: optional(
    list(words(SCENARIOS), {
      minItems: 1,
      uniqueItems: true,
      description: 'All that the states and targets allow, by default.',
    }),
  ),
  attributes,
  length: boolean({
    default: true,
    description: 'Also probes the text’s length (code points), a harmless target.',
  }),
  mode,
  unmatched,
  strict,
  folds: integer({ minimum: 2, maximum: 20, default: 4, description: 'Outer folds, grouped by prompt.' }),
  group: optional(
    text({
      minLength: 1,
      description:
        'A column of the prompts: those of one value share a fold. Prompts that differ in case and white space alone always do.',
    }),
  ),
  seed,
  penalties: list(number({ exclusiveMinimum: 0 }), {
    minItems: 1,
    uniqueItems: true,
    default: [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
    description:
      'Ridge penalties to choose from, by inner cross-validation grouped by prompt; where the best lies at the end, up to three decades beyond are tried.',
  }),
  scale: boolean({
    default: true,
    description: 'Divides each column by its standard deviation on the training rows.',
  }),
  control: object(
    {
      permutations: integer({
        minimum: 0,
        maximum: 10_000,
        default: 100,
        description:
          'How often labels are permuted over prompts, for the scores that chance reaches. 0: no p; `mode: paper` permutes none.',
      }),
      task: boolean({
        default: true,
        description:
          'Also trains on a control task: a random score for a word of the text, which can only be memorised.',
      }),
    },
    { default: {}, description: 'What a score is held against: chance, and what the probe can memorise.' },
  ),
  interval: object(
    {
      resamples: integer({ minimum: 100, maximum: 100_000, default: 1000 }),
      level: number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95 }),
    },
    { default: {}, description: 'Intervals of held-out scores, by bootstrap over prompts.' },
  ),
  description_length: boolean({
    default: false,
    description: 'Also codes each target online, for `compression`: eleven further fits a layer and target.',
  }),
  baselines: list(words(BASELINES), {
    uniqueItems: true,
    default: BASELINES,
    description: 'What a probe score is read against.',
  }),
  words: integer({
    minimum: 16,
    maximum: 16_384,
    default: 1024,
    description: 'Columns that the bag of words is hashed into.',
  }),
  predictions: boolean({
    default: false,
    description: 'Also gives every held-out prediction (a row for each layer × target × state).',
  }),
});

export type Config = ConfigOf<typeof config>;
