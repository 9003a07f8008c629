import type {
  Cache,
  Changes,
  Features,
  HeadRequest,
  LoopSteps,
  Mask,
  MaximumRequest,
  PoolLayout,
  PoolRequest,
  Tokens,
  TrunkSizes,
} from '@sonde/networks';

/** A run of B prompts, K sequences of each, T new tokens a sequence. */
export interface RunRequest extends Tokens {
  readonly prompts: number;
  readonly samples: number;
  readonly tokens: number;
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
export interface LoopRequest extends LoopSteps {
  /** Reads B prompts, one sequence of each, and draws a first token for each of their K sequences, prompt by prompt. */
  readonly prefill: RunRequest & { readonly head: HeadRequest };
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

/** Runs a language model. */
export interface Engine {
  readonly sizes: TrunkSizes;
  readonly features: Features;
  /** The pooled numbers of a token. */
  readonly layout: PoolLayout;
  /** Whether a run may read several tokens of a sequence behind a cache. */
  readonly branches: boolean;
  run(request: RunRequest): Promise<RunResult>;
  /** Present where the graph decodes inside. */
  readonly loop?: (request: LoopRequest) => Promise<LoopResult>;
  release(): Promise<void>;
}
