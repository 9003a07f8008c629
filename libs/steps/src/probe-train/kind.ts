import { defineStep } from '@sonde/executor';
import {
  BASELINES,
  PREDICTIONS,
  PROBE_SCORES,
  PROBE_WEIGHTS,
  SCENARIOS,
  tableProse,
  tensorsProse,
} from '@sonde/formats/columns';
import { artifact, boolean, type ConfigOf, integer, list, number, object, optional, words } from '@sonde/pipeline';
import { unmatched } from '../shared/matching.ts';
import { CAPTURE_SITES } from '../shared/model/schemas.ts';
import { attributes, mode, seed } from '../shared/schemas.ts';

const config = object({
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
  folds: integer({ minimum: 2, maximum: 20, default: 4, description: 'Outer folds, grouped by prompt.' }),
  seed,
  penalties: list(number({ exclusiveMinimum: 0 }), {
    minItems: 1,
    uniqueItems: true,
    default: [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
    description: 'Ridge penalties to choose from, by inner cross-validation grouped by prompt.',
  }),
  scale: boolean({
    default: true,
    description: 'Divides each column by its standard deviation on the training rows.',
  }),
  control: object(
    {
      permutations: integer({
        minimum: 0,
        maximum: 1000,
        default: 1,
        description: 'Control tasks a target: labels permuted over prompts. 0: no selectivity.',
      }),
    },
    { default: {} },
  ),
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

const scores = { type: 'table', description: tableProse(PROBE_SCORES) } as const;

const weights = { type: 'tensors', description: tensorsProse(PROBE_WEIGHTS) } as const;

const predictions = { type: 'table', description: tableProse(PREDICTIONS, 'Only with `predictions`.') } as const;

/** Linear probes from hidden states to scores, layer by layer. */
export const probeTrain = defineStep({
  kind: 'probe/train',
  revision: 3,
  summary: 'Trains linear probes from hidden states to scores: layer × scenario × target × fold, with baselines.',
  config,
  outputs: { scores, weights, predictions },
  outputsOf: (config) => ({ scores, weights, ...(config.predictions && { predictions }) }),
  check: ({ mode }) =>
    mode === 'paper'
      ? [{ path: ['mode'], message: 'the paper’s SGD probe is not available in this version; use `default`' }]
      : [],
  load: () => import('./run.ts'),
});
