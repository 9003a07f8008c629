import { type TensorsFormat, tableFormat } from '../column.ts';

/** Which states are related to which score. */
export const SCENARIOS = ['input', 'forward', 'output', 'backward'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What a probe score is read against. */
export const BASELINES = ['bag_of_words', 'tf_idf', 'text_length', 'mean', 'random_direction'] as const;
export type Baseline = (typeof BASELINES)[number];

/** Which vectors of a fitted probe are meant. */
export const PROBE_VECTORS = ['weights', 'directions', 'mean_differences'] as const;
export type ProbeVector = (typeof PROBE_VECTORS)[number];

/** What a probe is fitted by. */
export const LEARNERS = ['ridge', 'logistic', 'mlp', 'sgd', 'mean'] as const;

export const PROBE_SCORES = tableFormat({
  name: 'probe scores',
  madeBy: ['probe/train'],
  what: 'A row for each features × layer × scenario × target × fold (× seed in `paper`). From `fold_mean` to `compression` the numbers are those of all folds, the same in each fold’s row.',
  columns: {
    features: {
      type: 'string',
      words: ['states', ...BASELINES],
      what: 'what was probed: the model’s states, or a baseline',
    },
    layer: { type: 'int32', nullable: true, what: 'the layer’s number; null for text baselines' },
    relative_depth: { type: 'float64', nullable: true, what: 'the layer as a share of the last' },
    scenario: { type: 'string', words: SCENARIOS, what: 'which states are related to which score' },
    target: {
      type: 'string',
      what: 'an attribute, `length` (code points), or a label column; of more than two classes `<column>=<class>`, a target each',
    },
    class: {
      type: 'string',
      nullable: true,
      what: 'of a target of classes: the one that was told from the others; null where the target is a number',
    },
    learner: {
      type: 'string',
      nullable: true,
      words: LEARNERS,
      what: 'what was trained; `sgd` in `paper`; null in older tables',
    },
    seed: { type: 'int32', nullable: true, what: 'of the training, in `paper`; null in `default`' },
    fold: { type: 'int32', what: 'the held-out fold, from 0' },
    pearson: { type: 'float64', nullable: true, what: 'correlation of scores and predictions on the held-out rows' },
    r2: {
      type: 'float64',
      nullable: true,
      what: 'share of the held-out rows’ variance that is predicted; below 0 where their mean does better',
    },
    within_prompt: {
      type: 'float64',
      nullable: true,
      what: 'correlation after the mean of each group of rows (a prompt’s): how well its own continuations are told apart',
    },
    mse: { type: 'float64', nullable: true, what: 'mean squared error, in the target’s own unit, squared' },
    auc: {
      type: 'float64',
      nullable: true,
      what: 'of a target of classes, as all up to `macro_f1`: area under the ROC curve of `class` against the rest',
    },
    brier: { type: 'float64', nullable: true, what: 'mean squared error of the probability of `class`' },
    balanced_accuracy: {
      type: 'float64',
      nullable: true,
      what: 'mean recall of all classes, a row being called the likeliest: the same in the rows of every class',
    },
    macro_f1: { type: 'float64', nullable: true, what: 'mean F1 of all classes, likewise' },
    n: { type: 'int32', what: 'held-out rows with a score' },
    target_sd: { type: 'float64', nullable: true, what: 'standard deviation of the held-out scores' },
    penalty: { type: 'float64', nullable: true, what: 'the penalty that was chosen; null of learners without' },
    at_edge: {
      type: 'boolean',
      what: 'whether that lies at the end of all that were tried, with errors that still fell there, by 0.1 % a step',
    },
    control_task: {
      type: 'float64',
      nullable: true,
      what: 'correlation of the same probe on the control task: a random score for a word of the text; of `ridge` the mean of five draws of it. High: it can memorise',
    },
    selectivity: { type: 'float64', nullable: true, what: '`pearson` less `control_task`' },
    fold_mean: { type: 'float64', nullable: true, what: 'mean of `pearson` over the folds that have one' },
    fold_mean_low: { type: 'float64', nullable: true, what: 'its interval, by bootstrap over prompts' },
    fold_mean_high: { type: 'float64', nullable: true, what: 'the same' },
    undefined_folds: { type: 'int32', what: 'folds without `pearson`' },
    pooled: { type: 'float64', nullable: true, what: 'correlation of the held-out rows of all folds together' },
    pooled_low: { type: 'float64', nullable: true, what: 'its interval, by bootstrap over prompts' },
    pooled_high: { type: 'float64', nullable: true, what: 'the same' },
    interval_reason: {
      type: 'string',
      nullable: true,
      what: 'why there is no interval: `too_few_groups` (fewer than ten prompts), `no_predictions` (a fold could not be fitted), or why there is no score to give one to; null in older tables',
    },
    permutations: { type: 'int32', what: 'permutations of the labels over prompts in which `fold_mean` is defined' },
    null_mean: { type: 'float64', nullable: true, what: 'mean of `fold_mean` over them' },
    null_95: { type: 'float64', nullable: true, what: 'what 95 % of them do not exceed' },
    p: {
      type: 'float64',
      nullable: true,
      what: 'share of permutations, with the labels as they are, that reach `fold_mean`: (1 + reached) / (permutations + 1)',
    },
    compression: {
      type: 'float64',
      nullable: true,
      what: 'length of the mean’s online code over that of the probe’s, by squared error; null without `description_length`',
    },
    mode: { type: 'string', what: '`default` or `paper`' },
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
    seed: { type: 'int32', nullable: true, what: 'as in the probe scores' },
    fold: { type: 'int32', what: 'the fold that the row was held out with' },
    truth: { type: 'float64', what: 'the score' },
    prediction: { type: 'float64', what: 'what was read, in the target’s own unit' },
  },
});

export const PROBE_WEIGHTS: TensorsFormat = {
  name: 'weights',
  madeBy: ['probe/train'],
  what: 'The probes of the states, fitted on all rows (with `split`, on those of `train`): score = intercept + state · weights, in raw units; of `logistic`, the log-odds of the class (of more than two, its logit in a softmax). Beside them directions of length 1, to add or erase.',
  tensors: [
    { name: '<scenario>.weights', shape: '[layers, targets, d]', what: 'float64; zero where no probe could be fitted' },
    { name: '<scenario>.intercepts', shape: '[layers, targets]', what: 'float64' },
    { name: '<scenario>.directions', shape: '[layers, targets, d]', what: 'float64; the weights as a unit vector' },
    {
      name: '<scenario>.mean_differences',
      shape: '[layers, targets, d]',
      what: 'float64; the unit vector from the mean state of lower scores to that of scores at or above `threshold` (classes: 0.5; `length`: its mean); zero where one side has no row',
    },
  ],
  notes: 'The metadata `layers` and `targets` name the axes, `site` the probed site where it is not `residual`.',
};
