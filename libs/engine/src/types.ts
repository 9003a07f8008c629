import type { KeepFile, PrecisionOptions } from '@sonde/checkpoints';
import type { CaptureSite, Site } from '@sonde/networks';
import type { RenderedPrompt } from '@sonde/tokenizers';

/** What a checkpoint's config.json and generation_config.json say, in one form for all architectures. */
export interface ModelConfig {
  /** The class name in config.json, `LlamaForCausalLM` for example. */
  readonly architecture: string;
  /** Number of blocks L; there are L + 1 layers of hidden states. */
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Numbers in the checkpoint's weights; an adapter's are not among them. */
  readonly parameters: number;
  /** Longest sequence, prompt and continuation together, in tokens. */
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  /** Tokens that end a continuation; empty if the checkpoint names none. */
  readonly eosTokenIds: readonly number[];
}

export interface OpenOptions extends PrecisionOptions {
  /** Folder of a PEFT LoRA adapter, whose weights stay as they are. */
  readonly adapter?: string;
  /** Weights drawn from a seed as the model's class begins, in place of those stored: the shape without the training. */
  readonly randomWeights?: { readonly seed: number };
  /** Keeps the file of quantised weights; without it they are quantised at each loading. Random weights are not kept. */
  readonly keepQuantized?: KeepFile;
  /** Threads of the session; results do not depend on it. */
  readonly threads: number;
  /** `cpu`, `cuda` or `webgpu`: the execution provider. A CUDA device is chosen by the process's `CUDA_VISIBLE_DEVICES`. */
  readonly device: string;
}

/** A text for a model. */
export interface Prompt extends RenderedPrompt {
  /** Names the prompt's random streams: the same id, seed and sample index draw the same numbers. */
  readonly id: string;
}

/**
 * What a pooled state is taken over. `prompt`: mean over the prompt's own tokens. `continuation`: mean over the
 * generated tokens, an end-of-text token included. `last`, `max`: the last token's state, or the greatest value of each
 * component, over the generated tokens (over the prompt's own tokens where there is no continuation).
 */
export type Pool = 'prompt' | 'continuation' | 'last' | 'max';

export interface CaptureOptions {
  /**
   * Layer 0 is the embedding output, layer l the residual stream after block l − 1 (counted from 0), the last one normed.
   * At the other sites layer l is what block l − 1 has there; layer 0 has none and is left out.
   */
  readonly layers: 'all' | readonly number[];
  /** `tokens`: the states of every token, given to `onToken` one by one and not kept. */
  readonly pool: readonly (Pool | 'tokens')[];
  /** `residual` by default. */
  readonly sites?: readonly CaptureSite[];
}

/** A token of a prompt (`sample` null) or of one of its continuations. */
export interface TokenPlace {
  readonly promptId: string;
  readonly sample: number | null;
  /** From 0, over prompt and continuation together. */
  readonly position: number;
}

/** The states of one token. */
export interface TokenStates extends TokenPlace {
  /** `context`: a token of the prompt that is not of its own text: the beginning of text, a template. */
  readonly span: 'context' | 'prompt' | 'continuation';
  /** [layers, d], or [layers, heads, head size] for `heads`; the arrays are used again after the call. */
  readonly states: Readonly<Partial<Record<CaptureSite, Float32Array>>>;
}

/** A change at a site, `residual` by default, of the blocks `layers`. */
interface SiteChange {
  readonly layers: readonly number[];
  readonly site?: Site;
}

/**
 * What is changed inside the model, block by block, counted from 0. States are captured after the change.
 * `bypass`: the block returns its input; `bypass_attention`, `bypass_mlp`: that half adds nothing.
 * `add`: adds a vector [size] to each token's state. `mean_ablation`: puts a vector [size] in place of it.
 * `erase`: projects directions [size] out of it. `replace`: puts another state [size] in place of it where there is one.
 * Vectors, directions and states are given for each of `layers`, in their order.
 */
export type Intervention =
  | { readonly kind: 'bypass' | 'bypass_attention' | 'bypass_mlp'; readonly layers: readonly number[] }
  | ({ readonly kind: 'add' | 'mean_ablation'; readonly vectors: readonly Float32Array[] } & SiteChange)
  | ({ readonly kind: 'erase'; readonly directions: readonly (readonly Float32Array[])[] } & SiteChange)
  | ({
      readonly kind: 'replace';
      readonly stateOf: (token: TokenPlace) => readonly Float32Array[] | null;
    } & SiteChange);

/** Decoding options with the names of transformers' GenerationConfig. */
export interface GenerationOptions {
  /** Samples a prompt; 1 by default. */
  readonly num_return_sequences?: number;
  /** The number of the first sample; 0 by default. States of the prompts themselves come with sample 0 alone. */
  readonly first_sample?: number;
  /** 20 by default. */
  readonly max_new_tokens?: number;
  /** false: the most probable token each time (the lower id where equal). true by default. */
  readonly do_sample?: boolean;
  /** From 1e-6 to 1e6; 1 by default. */
  readonly temperature?: number;
  /** In (0, 1]; 1 by default. */
  readonly top_p?: number;
  /** 0 by default: no limit. */
  readonly top_k?: number;
  /** From 1e-6 to 1e6; 1 by default. */
  readonly repetition_penalty?: number;
  /** No run of so many tokens comes twice, the prompt's among them; 0 by default: any may. */
  readonly no_repeat_ngram_size?: number;
  /** No end before so many tokens; 0 by default. */
  readonly min_new_tokens?: number;
  /** Tokens that never come, and tokens that never come first. */
  readonly suppress_tokens?: readonly number[];
  readonly begin_suppress_tokens?: readonly number[];
  /** Sequences of tokens that never come whole. */
  readonly bad_words_ids?: readonly (readonly number[])[];
  /** Whether the rules above that the checkpoint's generation_config.json sets hold where no option does; false by default. */
  readonly follow_generation_config?: boolean;
  /** A safe integer; 0 by default. */
  readonly seed?: number;
  readonly capture?: CaptureOptions;
  readonly interventions?: readonly Intervention[];
}

export interface Continuation {
  readonly promptId: string;
  /** Sample index, from 0. */
  readonly sample: number;
  /** The tokens decoded without special tokens. */
  readonly text: string;
  /** The generated tokens, the end-of-text token included if there was one. */
  readonly tokenIds: readonly number[];
  readonly finish: 'eos' | 'length';
  /** Sum of the tokens' natural log-probabilities under the model's full distribution: temperature 1, nothing cut off. */
  readonly logprob: number;
}

/** Pooled states of n sequences, row-major float32: [n, layers, d], or [n, layers, heads, head size] for `heads`. */
export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Pooled states at one site, by pool. */
export interface SiteStates {
  /** The layer numbers of axis 1. */
  readonly layers: readonly number[];
  /** Of one row: [layers, d], or [layers, heads, head size]. */
  readonly rowShape: readonly number[];
  readonly pools: Readonly<Partial<Record<Pool, StateTensor>>>;
}

/** Pooled states by site. */
export type CapturedStates = Readonly<Partial<Record<CaptureSite, SiteStates>>>;

export interface Generation {
  /** Prompts in the order given, their samples from 0. */
  readonly continuations: readonly Continuation[];
  /**
   * Only if `capture` was asked for. `prompt` has a row for each prompt, the other pools a row for each continuation.
   */
  readonly states?: CapturedStates;
}

/** A sequence to capture by teacher forcing. */
export interface CaptureItem {
  readonly prompt: Prompt;
  /** Which of the prompt's continuations it is, where that matters: to `onToken` and `replace`. */
  readonly sample?: number;
  /** Tokens, or a text that is tokenised apart from the prompt, without special tokens. */
  readonly continuation?: { readonly tokenIds: readonly number[] } | { readonly text: string };
}

export interface PerplexityOptions {
  readonly interventions?: readonly Intervention[];
}

export interface Perplexity {
  /** exp(mean negative log-likelihood over all predicted tokens); null if no text has a token to predict. */
  readonly perplexity: number | null;
  /** Mean negative log-likelihood in nats over all predicted tokens, or null. */
  readonly nll: number | null;
  readonly tokens: number;
  /**
   * The same for each text: its mean negative log-likelihood (null if it has one token or none), predicted tokens, and the
   * UTF-8 bytes of the text that these stand for.
   */
  readonly texts: readonly { readonly nll: number | null; readonly tokens: number; readonly bytes: number }[];
}

export interface Progress {
  readonly done: number;
  readonly total: number;
}

export interface RunHooks {
  /** Called as sequences end; on a device with its own memory once for each batch of them. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the work between two steps with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Takes the states that `pool: [tokens]` asks for: a prompt's tokens, and each continuation's, in their order. Which
   * prompt comes first is not said, for sequences are read by length.
   */
  readonly onToken?: (token: TokenStates) => void;
}
