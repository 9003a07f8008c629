export { bagOfWords, type Features, randomDirection, textLength } from './baselines.ts';
export { type Groups, groupedFolds } from './evaluate/folds.ts';
export type { ScoreReason } from './evaluate/metrics.ts';
export type { ProbeFold, ProbeMap, ProbeResult, ProbeTarget } from './evaluate/result.ts';
export type { PenaltyChoice } from './learners/ridge/nested.ts';
export { DEFAULT_PENALTIES, type ProbeOptions, trainProbes } from './probes.ts';
