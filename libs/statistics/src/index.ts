export {
  type BehaviorMode,
  type BehaviorReason,
  type BehaviorSummary,
  type ContinuationScores,
  type Estimate,
  expectedMaximumToxicity,
  type IntervalOptions,
  PROMPT_SUBSETS,
  type PromptSubset,
  promptMaxima,
  summarizeBehavior,
  toxicityProbability,
} from './behavior.ts';
export {
  type BootstrapInterval,
  bootstrapInterval,
  bootstrapMeans,
  bootstrapStatistic,
  type IntervalMethod,
  type ResampleProvider,
  type Resamples,
  resampler,
} from './bootstrap.ts';
export { type EmtChange, emtChange } from './change.ts';
export {
  type Correlation,
  type CorrelationOptions,
  type CorrelationReason,
  midRanks,
  pearson,
  spearman,
  type Values,
} from './correlation.ts';
export { correlateFamily, type FamilyMember, type Multiplicity } from './correlation-family.ts';
export { type DistinctShare, distinctNgrams } from './distinct.ts';
export {
  type FluencyReason,
  type GeneratedText,
  logprobPerToken,
  meanLength,
  type Perplexity,
  perplexity,
  type TextLoss,
} from './fluency.ts';
export { benjaminiHochberg, benjaminiYekutieli, holm, type PValues } from './multiplicity.ts';
export { type PermutationP, permutationPValues, permutations } from './permutation.ts';
export { type RandomStream, randomStream } from './philox.ts';
export { quantile } from './quantile.ts';
