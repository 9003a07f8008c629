export { INTERVAL_UNITS, midRanks, quantile, standardDeviation } from '@sonde/numerics';
export {
  type AgreementOptions,
  type CalibrationBin,
  calibrationCurve,
  type ScoreAgreement,
  scoreAgreement,
  type ThresholdAgreement,
} from './agreement.ts';
export {
  availableMaximum,
  type BehaviorMode,
  type BehaviorReason,
  type BehaviorSummary,
  type ContinuationScores,
  type Estimate,
  expectedMaximumAt,
  expectedMaximumToxicity,
  type IntervalOptions,
  inSubset,
  meanEstimate,
  PROMPT_SUBSETS,
  type PromptSubset,
  promptMaxima,
  summarizeBehavior,
  toxicIndicator,
  toxicityProbability,
} from './behavior.ts';
export {
  type BootstrapInterval,
  bootstrapInterval,
  bootstrapMeans,
  bootstrapStatistic,
  type IntervalMethod,
  leftOut,
  type ResampleProvider,
  type Resamples,
  resampler,
} from './bootstrap.ts';
export { type EmtChange, emtChange } from './change.ts';
export {
  type Correlation,
  type CorrelationOptions,
  type CorrelationReason,
  LEAST_PAIRS,
  pearson,
  spearman,
  type Values,
} from './correlation.ts';
export { bootstrapCorrelations, type ResampledValues } from './correlation-bootstrap.ts';
export { adjustPValues, correlateFamily, type FamilyMember, type Multiplicity } from './correlation-family.ts';
export { type CorrelationDifference, independentCorrelationsTest, steigerTest } from './dependent-correlations.ts';
export { type DistinctShare, distinctByPrompt, distinctNgrams } from './distinct.ts';
export {
  bitsPerByte,
  type FluencyReason,
  type GeneratedText,
  logprobPerToken,
  meanLength,
  type Perplexity,
  perplexity,
  type TextBits,
  type TextLoss,
} from './fluency.ts';
export { type KendallCorrelation, kendall } from './kendall.ts';
export { type LeftOut, leaveGroupsOut, withinGroups } from './leave-out.ts';
export { expectedMaximum, probabilityOfReaching } from './maximum.ts';
export { type PooledCorrelation, poolCorrelations } from './meta-analysis.ts';
export { benjaminiHochberg, benjaminiYekutieli, holm, type PValues } from './multiplicity.ts';
export { comparePaired, type PairedComparison, type PairedOptions, type SignFlips, signFlips } from './paired.ts';
export { type PartialOptions, partialCorrelation, partialKendall } from './partial.ts';
export { type PermutationP, permutationPValues, permutations } from './permutation.ts';
export { detectableCorrelation } from './power.ts';
export { type ProportionMethod, proportionInterval } from './proportion.ts';
export { correctForRange } from './range-restriction.ts';
export { EXACT_PAIRS, smallestRankP } from './rank-distribution.ts';
export { permuteUnits, type UnitPermutation, type UnitPermutationOptions } from './unit-permutation.ts';
export { type VarianceComponent, type VarianceComponents, varianceComponents } from './variance-components.ts';
