import type { DecoderSizes, Features, Mask, PoolLayout } from '@sonde/networks';
import type { Changes } from './interventions.ts';

/** Keys and values of every block, one array each. */
export interface Cache {
  readonly length: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** What decides next tokens; rows are those of `HeadRequest.rows`. */
export interface HeadRequest {
  /** Indices of tokens, counted over all sequences of the run, whose next token is wanted. */
  readonly rows: Int32Array;
  readonly sample: boolean;
  readonly temperature: number;
  /** 0: no limit. */
  readonly topK: number;
  readonly topP: number;
  readonly penalty: number;
  /** [rows, any] tokens seen so far, repeated to fill; only read with a penalty. */
  readonly seen?: { readonly width: number; readonly data: BigInt64Array };
  /** [rows, TRIES], or with several rounds a multiple of TRIES in a graph with a loop; only read when sampling. */
  readonly uniforms?: Float32Array;
  /** [rows] tokens to take, or −1; only read when not sampling. */
  readonly forced?: Int32Array;
}

/** Sums over tokens: out[q] = keep[q] · before[q] + Σ over t of weights[q, t] · state[t]. */
export interface PoolRequest {
  readonly count: number;
  /** [sequences, count, T] */
  readonly weights: Float32Array;
  /** [sequences, count]; with `before` [sequences, count, pooled layers · d]. Absent: nothing was there before. */
  readonly keep?: Float32Array;
  readonly before?: Float32Array;
}

/** The greatest value of each component: [sequences, T] zeros where a token counts, −∞ where it does not. */
export interface MaximumRequest {
  readonly bias: Float32Array;
  /** [sequences, pooled size] */
  readonly before?: Float32Array;
}

export interface RunRequest {
  /** B prompts, K sequences of each, T new tokens a sequence. */
  readonly prompts: number;
  readonly samples: number;
  readonly tokens: number;
  /** [B · K · T] */
  readonly inputIds: Int32Array;
  readonly positions: BigInt64Array;
  /** [B, H, P, D]: kept once for all sequences of a prompt. */
  readonly promptCache?: Cache;
  /** [B, H, K, S, D] */
  readonly rowCache?: Cache;
  readonly mask: Mask;
  readonly changes: Changes;
  readonly pool?: PoolRequest;
  readonly maximum?: MaximumRequest;
  readonly head?: HeadRequest;
  /** Whether the head's logits are wanted. */
  readonly logits?: boolean;
  /** Whether nothing comes after these tokens, so that their keys and values need not leave the graph. */
  readonly last?: boolean;
  /**
   * Whether the result's `present`, `pooled` and `maximum` may be overwritten by later runs that say so: `present` by
   * the next one, the others by the one after it.
   */
  readonly reuse?: boolean;
}

export interface RunResult {
  /** The new tokens' keys and values, [B, H, K, T, D]; means nothing after a `last` run. */
  readonly present: Cache;
  readonly pooled: Float32Array;
  readonly maximum: Float32Array | null;
  readonly tokens: Int32Array;
  readonly logprobs: Float32Array;
  /** Rows of the head whose draw was not decided within the uniforms given; their tokens mean nothing. */
  readonly pending: readonly number[];
  readonly logits: Float32Array | null;
}

/** A run over prompts and all steps of decoding behind it, in one call. */
export interface LoopRequest {
  /** Reads B prompts, one sequence of each, and draws a first token for each of their K sequences, prompt by prompt. */
  readonly prefill: RunRequest & { readonly head: HeadRequest };
  readonly samples: number;
  readonly promptLengths: readonly number[];
  /** Tokens of a sequence that are read at most, and after how many of them another one is drawn. */
  readonly steps: number;
  readonly draws: number;
  readonly eos: readonly number[];
  /** [steps, B · K, TRIES · rounds]; only read when sampling. */
  readonly uniforms?: Float32Array;
  /** [B · K, any] tokens of the prompts; needed with a penalty. */
  readonly seen?: { readonly width: number; readonly data: BigInt64Array };
  /** Sums over the tokens read, or the newest token's state. */
  readonly pools: readonly ('continuation' | 'last')[];
  readonly maximum: boolean;
}

export interface LoopResult {
  /** Of the run over the prompts: their pooled states and the first tokens. */
  readonly prefill: RunResult;
  /** How many steps were done. */
  readonly steps: number;
  /** [steps, B · K]: the token drawn after each step; that of a sequence which has ended means nothing. */
  readonly tokens: Int32Array;
  readonly logprobs: Float32Array;
  /** [B · K]: 1 where a draw was not decided within the uniforms given; what comes after it means nothing. */
  readonly undecided: Float32Array;
  /** [B · K, pools, pooled size] */
  readonly pooled: Float32Array;
  /** [B · K, pooled size] */
  readonly maximum: Float32Array | null;
}

export interface Engine {
  readonly sizes: DecoderSizes;
  readonly features: Features;
  /** The pooled numbers of a token. */
  readonly layout: PoolLayout;
  run(request: RunRequest): Promise<RunResult>;
  /** Present where the graph decodes inside. */
  readonly loop?: (request: LoopRequest) => Promise<LoopResult>;
  release(): Promise<void>;
}
