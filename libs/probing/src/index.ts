export { bagOfWords, type Features, randomDirection, textLength } from './baselines.ts';
export { depthPoints, type FoldScores, type LayerCurve, layerCurve, overFolds, scoreAtDepth } from './curve.ts';
export { type Groups, groupedFolds } from './folds.ts';
export type { PenaltyChoice } from './nested.ts';
export type { ProbeFold, ProbeMap, ProbeResult, ProbeTarget } from './probe-result.ts';
export { type ProbeOptions, trainProbes } from './probes.ts';
export type { ScoreReason } from './score.ts';
