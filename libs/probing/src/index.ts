export { bagOfWords, type Features, randomDirection, textLength } from './baselines.ts';
export type { PenaltyChoice } from './evaluate/evaluate.ts';
export { type Groups, groupedFolds } from './evaluate/folds.ts';
export type { MetricName, Score, ScoreReason, Scores } from './evaluate/metrics.ts';
export type { NullDistribution, ProbeFold, ProbeMap, ProbeResult, ProbeTarget } from './evaluate/result.ts';
export type { LearnerChoice, LearnerName } from './learners/index.ts';
export { DEFAULT_PENALTIES, type RidgeOptions } from './learners/ridge/learner.ts';
export { type ProbeOptions, trainProbes } from './probes.ts';
