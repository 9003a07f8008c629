export { ModelError } from './errors.ts';
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
  StateTensor,
} from './types.ts';
