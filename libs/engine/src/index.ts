export { CAPTURE_SITES, type CaptureSite, SITES, type Site } from '@sonde/networks';
export { answerLogprobs } from './answers.ts';
export { capture } from './capture.ts';
export { checkModel, type ModelReport } from './check.ts';
export { type ClassifierConfig, type ClassifierModel, classify, openClassifier } from './classifier.ts';
export { type Forward, forward } from './forward.ts';
export { generate, unfollowed } from './generate.ts';
export { type Model, openModel } from './model.ts';
export { perplexity } from './perplexity.ts';
export { drawReference, nucleusOf } from './sampling.ts';
export { ratesOfCard } from './session/cards.ts';
export { hasCudaLibrary, PROVIDERS, type Provider, sessionOptions, tryProvider } from './session/providers.ts';
export { type MachineRates, measureRates } from './session/rates.ts';
export type {
  CapturedStates,
  CaptureItem,
  CaptureOptions,
  Continuation,
  Generation,
  GenerationOptions,
  Intervention,
  ModelConfig,
  OpenOptions,
  Perplexity,
  PerplexityOptions,
  Pool,
  Progress,
  Prompt,
  RunHooks,
  SiteStates,
  StateTensor,
  TokenPlace,
  TokenStates,
} from './types.ts';
