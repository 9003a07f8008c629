import type { StepKind } from '@sonde/executor';
import {
  BASELINES,
  PREDICTIONS,
  PROBE_SCORES,
  PROBE_WEIGHTS,
  SCENARIOS,
  tableProse,
  tensorsProse,
} from '@sonde/formats/columns';
import { attributes, captureSites, closed, mode, one, seed } from '../shared/schemas.ts';

/** Linear probes from hidden states to scores, layer by layer. */
export const probeTrain: StepKind = {
  kind: 'probe/train',
  revision: 2,
  summary: 'Trains linear probes from hidden states to scores: layer × scenario × target × fold, with baselines.',
  config: closed(
    {
      states: one('Hidden states with their row index.', 'tensors'),
      prompts: one('The prompts: targets of `input` and `forward`, texts for the baselines.', 'table'),
      scores: one('The continuations’ scores: targets of `output` and `backward`.', 'table'),
      continuations: one('The continuations: texts for the baselines of `forward` and `output`.', 'table'),
      site: {
        enum: captureSites,
        description: 'Which of the captured sites is probed: `residual` if not given.',
      },
      scenarios: {
        type: 'array',
        items: { enum: SCENARIOS },
        minItems: 1,
        uniqueItems: true,
        description: 'All that the states and targets allow, by default.',
      },
      attributes,
      length: {
        type: 'boolean',
        default: true,
        description: 'Also probes the text’s length (code points), a harmless target.',
      },
      mode,
      folds: { type: 'integer', minimum: 2, maximum: 20, default: 4, description: 'Outer folds, grouped by prompt.' },
      seed,
      penalties: {
        type: 'array',
        items: { type: 'number', exclusiveMinimum: 0 },
        minItems: 1,
        uniqueItems: true,
        default: [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
        description: 'Ridge penalties to choose from, by inner cross-validation grouped by prompt.',
      },
      scale: {
        type: 'boolean',
        default: true,
        description: 'Divides each column by its standard deviation on the training rows.',
      },
      control: {
        ...closed({
          permutations: {
            type: 'integer',
            minimum: 0,
            maximum: 1000,
            default: 1,
            description: 'Control tasks a target: labels permuted over prompts. 0: no selectivity.',
          },
        }),
        default: {},
      },
      baselines: {
        type: 'array',
        items: { enum: BASELINES },
        uniqueItems: true,
        default: BASELINES,
        description: 'What a probe score is read against.',
      },
      words: {
        type: 'integer',
        minimum: 16,
        maximum: 16_384,
        default: 1024,
        description: 'Columns that the bag of words is hashed into.',
      },
      predictions: {
        type: 'boolean',
        default: false,
        description: 'Also gives every held-out prediction (a row for each layer × target × state).',
      },
    },
    ['states', 'prompts'],
  ),
  outputs: {
    scores: { type: 'table', description: tableProse(PROBE_SCORES) },
    weights: { type: 'tensors', description: tensorsProse(PROBE_WEIGHTS) },
    predictions: { type: 'table', description: tableProse(PREDICTIONS, 'Only with `predictions`.') },
  },
  outputsOf: (config) => {
    const { scores, weights, predictions } = probeTrain.outputs;
    return { scores: scores!, weights: weights!, ...(config.predictions === true && { predictions: predictions! }) };
  },
  check: (config) =>
    config.mode === 'paper'
      ? [{ path: ['mode'], message: 'the paper’s SGD probe is not available in this version; use `default`' }]
      : [],
  load: () => import('./run.ts'),
};
