import type { Cost, CostContext } from '@sonde/executor';
import { shapeOf } from '../shared/cost/shape.ts';
import { type Config, controlDrawsOf, IN_MEMORY, permutationsOf } from './config.ts';

/** Products in float64 take so much longer. */
const DOUBLE = 2;
/** For each solution, and for each of its columns and dimensions, in seconds. */
const SOLUTION = { seconds: 3.5e-3, secondsPerWeight: 6e-8 };
/** For each row and resample of an interval, in seconds. */
const RESAMPLE = 2e-9;
/** Targets where the scores' names are not known: six attributes and the length. */
const TARGETS = 7;
const LEARNERS = { ridge: 1, logistic: 15, mlp: 60 } as const;

/**
 * What fitting probes costs: moments of the states, a factorisation for each training set and penalty, and a solution for
 * each target, permuted or not; the baselines likewise, over fewer columns.
 */
export async function cost({ config, expected }: CostContext<Config>): Promise<Cost | undefined> {
  const { rows, layers: captured = 1, width } = await shapeOf(config.states, { expected });
  if (rows === undefined || width === undefined) return undefined;
  const layers = config.layers?.length ?? captured;
  const { attributes, length, labels, learner, folds, penalties, bootstrap, baselines } = config;
  const targets = (Array.isArray(attributes) ? attributes.length : TARGETS - 1) + Number(length) + labels.length;
  const moved = permutationsOf(config) + controlDrawsOf(config);
  // Each fold left out, and each two: what is left trains the probe, or chooses its penalty.
  const solutions = ((folds * (folds + 1)) / 2) * penalties.length;
  const scenarios = config.scenarios?.length ?? (config.scores === undefined ? 2 : 4);
  const spans = Math.ceil(scenarios / 2);
  /** Of one matrix of features: scenarios of a span share moments and factors. */
  const workOf = (d: number, columns: number) => {
    const [long, short] = rows < d ? [d, rows] : [rows, d];
    const factors = spans * solutions * (short ** 3 / 3);
    return {
      flops: long * short ** 2 + factors + scenarios * solutions * 4 * short ** 2 * columns,
      other: scenarios * solutions * (SOLUTION.seconds + columns * d * SOLUTION.secondsPerWeight),
    };
  };
  const textual = baselines.filter((name) => name === 'bag_of_words' || name === 'tf_idf').length;
  // Only states have permutations and control tasks.
  const parts = [
    { times: layers, ...workOf(width, targets * (1 + moved)) },
    { times: textual, ...workOf(config.words, targets) },
    { times: baselines.length - textual, ...workOf(1, targets) },
  ];
  const all = (of: 'flops' | 'other') =>
    LEARNERS[learner] * parts.reduce((sum, part) => sum + part.times * part[of], 0);
  const resampled = (layers + baselines.length) * scenarios * targets * bootstrap.resamples * (rows / 2);
  const scored = layers * scenarios * targets * folds;
  // Half of the scenarios are of a state's span.
  const predicted = (layers * scenarios * targets * rows) / 2;
  return {
    flops: DOUBLE * all('flops'),
    traffic: 0,
    other: 0.3 + all('other') + resampled * RESAMPLE,
    // Truth and predictions beside the states, or beside the words of all texts.
    memory:
      250e6 +
      Math.max(4 * Math.min(rows * width, IN_MEMORY) + 48 * width ** 2, textual && 4 * rows * config.words) +
      24 * rows * targets * (scenarios / spans) +
      4 * rows * moved,
    rows,
    outputs: {
      scores: { rows: scored, bytes: scored * 60 },
      weights: { bytes: 4 * layers * scenarios * targets * width },
      predictions: config.predictions ? { rows: predicted, bytes: predicted * 13 } : {},
    },
  };
}
