export { bagOfWords, type Features, randomDirection, termFrequencies, textLength } from './baselines.ts';
export { depthPoints, type FoldScores, type LayerCurve, layerCurve, overFolds, scoreAtDepth } from './curve.ts';

export { meanDifferences, randomOfEqualLength, unitDirection } from './directions.ts';
export { type ClassScores, classScores, oneAgainstRest } from './evaluate/class-scores.ts';
export {
  combineSamples,
  type ProbeSample,
  type ProbeSamples,
  sampleProbes,
  sharesOf,
} from './evaluate/compare.ts';

export { type ControlTask, controlTasks } from './evaluate/control-task.ts';
export {
  codingOrder,
  type DescriptionLength,
  type DescriptionOptions,
  descriptionLength,
  halvingBoundaries,
  type Loss,
} from './evaluate/description-length.ts';
export { type DrawnMetric, type DrawnScore, drawnScore } from './evaluate/drawn-score.ts';
export type { PenaltyChoice } from './evaluate/evaluate.ts';
export { type Groups, groupedFolds } from './evaluate/folds.ts';
export {
  type GroupResamples,
  type HeldOutPredictions,
  type ProbeIntervals,
  probeIntervals,
  type ScoreInterval,
} from './evaluate/intervals.ts';
export type { MetricName, Scores } from './evaluate/metrics.ts';
export type { Score, ScoreReason } from './evaluate/pairs.ts';
export type { NullDistribution, ProbeFold, ProbeMap, ProbeResult, ProbeTarget } from './evaluate/result.ts';
export { type LearnerChoice, type LearnerName, openLearner } from './learners/index.ts';
export type { MlpOptions } from './learners/mlp/learner.ts';
export type { PenaltyOptions } from './learners/penalised/learner.ts';
export type { SgdOptions } from './learners/sgd/learner.ts';
export { type ProbeOptions, trainProbes } from './probes.ts';
export { type Progress, partsOf } from './progress.ts';
export type { StateReader } from './rows.ts';
