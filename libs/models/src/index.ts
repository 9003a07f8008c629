export { listAdapterFiles } from './adapter.ts';
export { capture } from './capture.ts';
export { checkModel, type ModelReport } from './check.ts';
export { listModelFiles } from './checkpoint.ts';
export { type Forward, forward } from './forward.ts';
export { generate } from './generate.ts';
export { type Model, openModel } from './model.ts';
export { perplexity } from './perplexity.ts';
export { DTYPES, QUANTIZATIONS, type Quantization, type WeightDtype } from './quantization/precision.ts';
export { chooseAdapterFiles, chooseModelFiles, type RemoteFolder } from './remote-files.ts';
export { drawReference, nucleusOf } from './sampling.ts';
export { hasCudaLibrary, PROVIDERS, type Provider, tryProvider } from './session/providers.ts';
export { CAPTURE_SITES, type CaptureSite, SITES, type Site } from './sites.ts';
export { type InstructedPrompt, renderPrompt } from './tokenizer/chat.ts';
export { type ChatMessage, type EncodeOptions, openTokenizer, type Tokenizer } from './tokenizer/tokenizer.ts';
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
