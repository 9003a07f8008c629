export { type InitialWeight, initialWeights } from './architectures/initial-weights.ts';
export { readLabels } from './architectures/labels.ts';
export type {
  Classifier,
  LanguageModel,
  Network,
  NextToken,
  Problem,
  SequenceClassifier,
  Trunk,
} from './architectures/network.ts';
export { CLASSIFIERS, describeClassifier, describeLanguageModel, LANGUAGE_MODELS } from './architectures/registry.ts';
export { type TextPart, textPart } from './architectures/text-part.ts';
export { classifierGraph } from './graph/classifier-graph.ts';
export { addDraw } from './graph/draw.ts';
export {
  type DecodingForm,
  type GraphForm,
  NEXT_LOGITS,
  nextTokenGraph,
  type WeighedGraph,
} from './graph/next-token-graph.ts';
export { fusedProduct, plainProduct } from './graph/products.ts';
export { LAYERWISE_THREADS, type WeightSource } from './graph/weights.ts';
export { type Cache, cacheFeeds, presentName } from './ports/caches.ts';
export {
  type Changes,
  changeFeeds,
  type Edit,
  type Gates,
  gateFeeds,
  noChanges,
  openGates,
} from './ports/changes.ts';
export { DRAW_OUT, drawFeeds, type HeadRequest, headRowFeeds, plainHead, TRIES } from './ports/draw.ts';
export { type Feed, type Feeds, withPrefix } from './ports/feeds.ts';
export { LOOP_OUT, LOOP_ROUNDS, type LoopSteps, loopFeeds } from './ports/loop.ts';
export { branchMask, causalMask, fullMask, type Mask, maskFeeds, stepMask } from './ports/masks.ts';
export {
  MAXIMUM_OUT,
  type MaximumRequest,
  maximumFeeds,
  maximumInputs,
  POOL_OUT,
  type PoolRequest,
  poolFeeds,
  poolInputs,
} from './ports/pools.ts';
export { runShape, tokenShapeFeeds } from './ports/shapes.ts';
export { LABEL_LOGITS, type Summary, summaryFeeds } from './ports/summary.ts';
export { furthestOf, rotaryFeeder, type Tokens, tokenFeeds } from './ports/tokens.ts';
export {
  CAPTURE_SITES,
  type CaptureSite,
  covers,
  type Features,
  joinFeatures,
  layersOf,
  PLAIN,
  POOLED_SITES,
  type PooledSite,
  type PoolLayout,
  poolLayout,
  requireSites,
  SITES,
  type Site,
  siteShape,
  siteSize,
} from './sites.ts';
export { cacheSizes, numbersCached, type TrunkSizes } from './sizes.ts';
