import { type TensorsFormat, tableFormat } from '../column.ts';

/** Which states are related to which score. */
export const SCENARIOS = ['input', 'forward', 'output', 'backward'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What a probe score is read against. */
export const BASELINES = ['bag_of_words', 'text_length', 'random_direction'] as const;
export type Baseline = (typeof BASELINES)[number];

export const PROBE_SCORES = tableFormat({
  name: 'probe scores',
  madeBy: ['probe/train'],
  what: 'A row for each features × layer × scenario × target × fold.',
  columns: {
    features: {
      type: 'string',
      words: ['states', ...BASELINES],
      what: 'what was probed: the model’s states, or a baseline',
    },
    layer: { type: 'int32', nullable: true, what: 'the layer’s number; null for text baselines' },
    relative_depth: { type: 'float64', nullable: true, what: 'the layer as a share of the last' },
    scenario: { type: 'string', words: SCENARIOS, what: 'which states are related to which score' },
    target: { type: 'string', what: 'an attribute, or `length` (code points)' },
    fold: { type: 'int32', what: 'the held-out fold, from 0' },
    pearson: { type: 'float64', nullable: true, what: 'correlation of scores and predictions on the held-out rows' },
    mse: { type: 'float64', nullable: true, what: 'their mean squared error, in the target’s own unit, squared' },
    selectivity: { type: 'float64', nullable: true, what: '`pearson` less that of the control task' },
    compression: {
      type: 'float64',
      nullable: true,
      what: 'null: description length is not computed in this version',
    },
    n: { type: 'int32', what: 'held-out rows with a score' },
    penalty: { type: 'float64', nullable: true, what: 'the ridge penalty that was chosen' },
    mode: { type: 'string', what: '`default`' },
    reason: { type: 'string', nullable: true, what: 'why a value is null' },
  },
});

export const PREDICTIONS = tableFormat({
  name: 'predictions',
  madeBy: ['probe/train'],
  what: 'A row for each layer × target × state: what the probe that was not trained on it read from it.',
  columns: {
    prompt_id: { type: 'string', what: 'whose state' },
    sample: { type: 'int32', nullable: true, what: 'of which continuation; null for a prompt’s own state' },
    scenario: { type: 'string', words: SCENARIOS, what: 'as in the probe scores' },
    target: { type: 'string', what: 'as in the probe scores' },
    layer: { type: 'int32', what: 'the layer’s number' },
    fold: { type: 'int32', what: 'the fold that the row was held out with' },
    truth: { type: 'float64', what: 'the score' },
    prediction: { type: 'float64', what: 'what was read, in the target’s own unit' },
  },
});

export const PROBE_WEIGHTS: TensorsFormat = {
  name: 'weights',
  madeBy: ['probe/train'],
  what: 'The probes of the states, fitted on all rows: score = intercept + state · weights, in raw units.',
  tensors: [
    { name: '<scenario>.weights', shape: '[layers, targets, d]', what: 'float64; zero where no probe could be fitted' },
    { name: '<scenario>.intercepts', shape: '[layers, targets]', what: 'float64' },
  ],
  notes: 'The metadata `layers` and `targets` name the axes, `site` the probed site where it is not `residual`.',
};
