import { BASELINES, type Baseline, SCENARIOS } from '@sonde/formats/columns';
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
import { attributes, mode, resampling, seed, strict } from '../shared/schemas.ts';

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
  site: optional(words(CAPTURE_SITES, { description: 'Which of the captured sites is probed.' }), 'residual'),
  layers: optional(
    list(integer({ minimum: 0 }), {
      minItems: 1,
      uniqueItems: true,
      description:
        'Which of the captured layers are probed: all if not given. With one of them for each value of a matrix axis, a run that was stopped goes on at the layer where it was.',
    }),
  ),
  scenarios: optional(
    list(words(SCENARIOS), {
      minItems: 1,
      uniqueItems: true,
      description: 'All that the states and targets allow, by default.',
    }),
  ),
  attributes,
  labels: list(text({ minLength: 1 }), {
    uniqueItems: true,
    default: [],
    description:
      'Columns of the prompts that hold classes (texts, truth values or numbers): targets of `input` and `forward`. Of more than two each is a target, `<column>=<class>`: `logistic` fits them together (softmax), other learners tell each from the rest.',
  }),
  length: boolean({
    default: true,
    description: 'Also probes the text’s length (code points), a harmless target; not with `logistic`.',
  }),
  learner: words(['ridge', 'logistic', 'mlp'], {
    default: 'ridge',
    description:
      '`ridge`: linear, by squared error; `logistic`: linear, by log loss, for classes (scores are cut at `threshold`); `mlp`: one hidden layer, for what a linear probe cannot read.',
  }),
  threshold: number({
    default: 0.5,
    description: 'Where scores become two classes: for `logistic`, and for the mean-difference direction.',
  }),
  hidden: integer({ minimum: 1, maximum: 4096, default: 64, description: 'Units of the hidden layer of `mlp`.' }),
  mode,
  unmatched,
  strict,
  folds: integer({ minimum: 2, maximum: 20, default: 4, description: 'Outer folds, grouped by prompt.' }),
  split: optional(
    text({
      minLength: 1,
      description:
        'A column of the prompts that says `train` or `test`: probes are fitted on the one and scored on the other, in one fold; `folds` then divides the training prompts, to choose the penalty. Prompts with another value are left out.',
    }),
  ),
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
      'Penalties of `ridge` and `logistic` to choose from, by inner cross-validation grouped by prompt; where the best lies at the end, up to three decades beyond are tried.',
  }),
  scale: boolean({
    default: true,
    description: 'Divides each column by its standard deviation on the training rows.',
  }),
  control: object(
    {
      permutations: optional(
        integer({
          minimum: 0,
          maximum: 10_000,
          description:
            'How often labels are permuted over prompts, for the scores that chance reaches. If not given: 100 for `ridge`, whose fits they share; 19 for `logistic`, none for `mlp`, which fit each anew. 0: no p; `mode: paper` permutes none.',
        }),
      ),
      task: boolean({
        default: true,
        description:
          'Also trains on a control task: a random score for a word of the text, which can only be memorised. `ridge` takes the mean of five draws of it.',
      }),
    },
    { default: {}, description: 'What a score is held against: chance, and what the probe can memorise.' },
  ),
  bootstrap: object(resampling, {
    default: {},
    description: 'Intervals of held-out scores, by percentile bootstrap over prompts.',
  }),
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
    description: 'Columns that the bag of words, and TF-IDF, are hashed into.',
  }),
  predictions: boolean({
    default: false,
    description: 'Also gives every held-out prediction (a row for each layer × target × state).',
  }),
});

export type Config = ConfigOf<typeof config>;

/** What one draw of the control task scores is mostly chance, so `ridge`, whose fits they share, has several. */
const CONTROL_DRAWS = { ridge: 5, logistic: 1, mlp: 1 } as const;

/** Numbers of a layer's states that are read at once (0.5 GB): of more, some are read as they are needed, three times over. */
export const IN_MEMORY = 2 ** 27;

/** Ridge shares its fits among permutations, so that they cost little. */
export const PERMUTATIONS = { ridge: 100, logistic: 19, mlp: 0 } as const;

type Chance = Pick<Config, 'control' | 'learner' | 'mode'>;

/** How many draws of the control task there are, where texts are known. */
export function controlDrawsOf({ control, learner, mode }: Chance): number {
  if (!control.task) return 0;
  return mode === 'paper' ? 1 : CONTROL_DRAWS[learner];
}

export function permutationsOf({ control, learner, mode }: Chance): number {
  if (mode === 'paper') return 0;
  return control.permutations ?? PERMUTATIONS[learner];
}

/** Whether a baseline reads the texts that the states were read from. */
export function isOfText(name: Baseline): boolean {
  return name !== 'random_direction' && name !== 'mean';
}
