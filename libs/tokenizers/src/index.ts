export { type InstructedPrompt, type RenderedPrompt, renderPrompt } from './chat.ts';
export { type ChatMessage, type EncodeOptions, openTokenizer, type Tokenizer } from './tokenizer.ts';
