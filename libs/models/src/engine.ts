import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Decoder, DecoderSizes } from './architectures/architecture.ts';
import { pooledLayers } from './graph/decoder_graph.ts';
import { TRIES } from './graph/draw.ts';
import type { Mask } from './masks.ts';
import { rotaryTables } from './rotary.ts';

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
  /** [rows, TRIES]; only read when sampling. */
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
  /** [sequences, pooled layers · d] */
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
  readonly gates: Gates;
  readonly pool?: PoolRequest;
  readonly maximum?: MaximumRequest;
  readonly head?: HeadRequest;
  /** Whether the head's logits are wanted. */
  readonly logits?: boolean;
  /** Whether the result's `present` may be overwritten by the next run that says so. */
  readonly reusePresent?: boolean;
}

/** [blocks] each: 1 where a block's attention or MLP adds to the residual stream, 0 where it does not. */
export interface Gates {
  readonly attention: Float32Array;
  readonly mlp: Float32Array;
}

export interface RunResult {
  /** The new tokens' keys and values, [B, H, K, T, D]. */
  readonly present: Cache;
  readonly pooled: Float32Array;
  readonly maximum: Float32Array | null;
  readonly tokens: Int32Array;
  readonly logprobs: Float32Array;
  /** Rows of the head whose draw was not decided within the uniforms given; their tokens mean nothing. */
  readonly pending: readonly number[];
  readonly logits: Float32Array | null;
}

export interface Engine {
  readonly sizes: DecoderSizes;
  /** Numbers that a token's pooled states have: pooled layers · d. */
  readonly pooledSize: number;
  readonly withMaximum: boolean;
  run(request: RunRequest): Promise<RunResult>;
  release(): Promise<void>;
}

const EMPTY = new Float32Array(0);

/** Wraps a session; the only place that knows the graph's input and output names. */
export async function createEngine(session: InferenceSession, decoder: Decoder, withMaximum: boolean): Promise<Engine> {
  const { Tensor } = await import('onnxruntime-node');
  const { sizes } = decoder;
  const { layers, heads, keyValueHeads, headSize, hiddenSize, vocabSize } = sizes;
  const groups = heads / keyValueHeads;
  const pooledSize = pooledLayers(layers) * hiddenSize;
  let rotary: { positions: number; feeds: Record<string, OrtTensor> } | undefined;
  let spare: { size: number; keys: Float32Array[]; values: Float32Array[] } | undefined;

  const f32 = (data: Float32Array, dims: readonly number[]): OrtTensor => new Tensor('float32', data, dims);
  const i64 = (values: readonly number[]): OrtTensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
  const scalar = (value: number): OrtTensor => f32(Float32Array.of(value), []);
  const bool = (value: boolean): OrtTensor => new Tensor('bool', Uint8Array.of(value ? 1 : 0), []);

  /** Tables of cosines and sines that reach at least so far. */
  const rotaryFeeds = (positions: number): Record<string, OrtTensor> => {
    if (!rotary || rotary.positions < positions) {
      const count = Math.min(sizes.maxPositions, Math.max(256, 2 ** Math.ceil(Math.log2(positions))));
      const feeds = decoder.rotary.flatMap((spec, i): [string, OrtTensor][] => {
        const { cos, sin, pairs } = rotaryTables(spec, count);
        return [
          [`cos.${i}`, f32(cos, [count, pairs])],
          [`sin.${i}`, f32(sin, [count, pairs])],
        ];
      });
      rotary = { positions: count, feeds: Object.fromEntries(feeds) };
    }
    return rotary.feeds;
  };

  const headFeeds = (head: HeadRequest): Record<string, OrtTensor> => {
    const count = head.rows.length;
    const seen = head.penalty === 1 ? undefined : head.seen;
    const adjust = head.temperature !== 1 || (head.topK > 0 && head.topK < vocabSize) || head.penalty !== 1;
    return {
      head_rows: new Tensor('int32', head.rows, [count]),
      sample: bool(head.sample),
      adjust: bool(adjust),
      temperature: scalar(head.temperature),
      top_k: i64([head.topK > 0 ? Math.min(head.topK, vocabSize) : vocabSize]),
      // Rounding must not refuse a draw where nothing is to be cut off.
      top_p: scalar(head.topP === 1 ? 2 : head.topP),
      repetition_penalty: scalar(head.penalty),
      seen: new Tensor('int64', seen?.data ?? new BigInt64Array(count), [count, seen?.width ?? 1]),
      uniforms: f32(head.uniforms ?? new Float32Array(count * TRIES), [count, TRIES]),
      forced: new Tensor('int32', head.forced ?? new Int32Array(count).fill(-1), [count]),
    };
  };

  const noHead: HeadRequest = {
    rows: new Int32Array(0),
    sample: false,
    temperature: 1,
    topK: 0,
    topP: 1,
    penalty: 1,
  };

  const cacheFeeds = (prefix: string, cache: Cache | undefined, dims: readonly number[]): [string, OrtTensor][] =>
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer): [string, OrtTensor][] => [
      [`${prefix}.${layer}.key`, f32(cache?.keys[layer] ?? EMPTY, dims)],
      [`${prefix}.${layer}.value`, f32(cache?.values[layer] ?? EMPTY, dims)],
    ]);

  return {
    sizes,
    pooledSize,
    withMaximum,
    release: () => session.release(),
    async run(request) {
      const { prompts: B, samples: K, tokens: T } = request;
      const [H, G, D] = [keyValueHeads, groups, headSize];
      const P = request.promptCache?.length ?? 0;
      const S = request.rowCache?.length ?? 0;
      const rows = B * K;
      const Q = request.pool?.count ?? 0;
      let furthest = 0n;
      for (const position of request.positions) if (position > furthest) furthest = position;
      const head = request.head ?? noHead;
      const maskDims = [request.mask.dims[0], 1, 1, request.mask.dims[1], P + S + T];

      const feeds: Record<string, OrtTensor> = {
        input_ids: new Tensor('int32', request.inputIds, [rows * T]),
        position_ids: new Tensor('int64', request.positions, [rows, T]),
        ...rotaryFeeds(Number(furthest) + 1),
        row_shape: i64([rows, T, -1]),
        split_query: i64([B, K, T, H, G, D]),
        split_key: i64([B, K, T, H, D]),
        query_for_prompt: i64([B, H, K * G * T, D]),
        query_for_row: i64([B, H, K, G * T, D]),
        prompt_scores: i64([B, H, K, G * T, P]),
        prompt_weights: i64([B, H, K * G * T, P]),
        split_attended: i64([B, H, K, G, T, D]),
        lengths: i64([P, S, T]),
        attention_mask: f32(request.mask.full, maskDims),
        attention_gates: f32(request.gates.attention, [layers]),
        mlp_gates: f32(request.gates.mlp, [layers]),
        pool_weights: f32(request.pool?.weights ?? EMPTY, [rows, Q, T]),
        pool_keep: f32(request.pool?.keep ?? new Float32Array(rows * Q), [rows, Q, 1]),
        pool_in: f32(request.pool?.before ?? new Float32Array(rows * Q * pooledSize), [rows, Q, pooledSize]),
        ...headFeeds(head),
        ...Object.fromEntries(cacheFeeds('prompt', request.promptCache, [B, H, P, D])),
        ...Object.fromEntries(cacheFeeds('past', request.rowCache, [B, H, K, S, D])),
      };
      if (request.mask.sliding) feeds.sliding_mask = f32(request.mask.sliding, maskDims);
      if (withMaximum) {
        feeds.maximum_bias = f32(request.maximum?.bias ?? new Float32Array(rows * T), [rows, T, 1]);
        const none = (): Float32Array => new Float32Array(rows * pooledSize).fill(Number.NEGATIVE_INFINITY);
        feeds.maximum_in = f32(request.maximum?.before ?? none(), [rows, pooledSize]);
      }

      const presentSize = B * H * K * T * D;
      const presentDims = [B, H, K, T, D];
      const reuse = request.reusePresent && spare?.size === presentSize ? spare : undefined;
      const fresh = (): Float32Array[] => Array.from({ length: layers }, () => new Float32Array(presentSize));
      const present = reuse ?? { size: presentSize, keys: fresh(), values: fresh() };
      if (request.reusePresent) spare = present;
      const pooled = new Float32Array(rows * Q * pooledSize);
      const maximum = withMaximum ? new Float32Array(rows * pooledSize) : null;
      const tokens = new Int32Array(head.rows.length);
      const logprobs = new Float32Array(head.rows.length);
      const logits = request.logits ? new Float32Array(head.rows.length * vocabSize) : null;
      const fetches: Record<string, OrtTensor | null> = {
        pool_out: f32(pooled, [rows, Q, pooledSize]),
        token: new Tensor('int32', tokens, [tokens.length]),
        logprob: f32(logprobs, [logprobs.length]),
        pending_rows: null,
      };
      for (let layer = 0; layer < layers; layer++) {
        fetches[`present.${layer}.key`] = f32(present.keys[layer]!, presentDims);
        fetches[`present.${layer}.value`] = f32(present.values[layer]!, presentDims);
      }
      if (maximum) fetches.maximum_out = f32(maximum, [rows, pooledSize]);
      if (logits) fetches.logits = f32(logits, [head.rows.length, vocabSize]);

      const out = await session.run(feeds, fetches);
      return {
        present: { length: T, keys: present.keys, values: present.values },
        pooled,
        maximum,
        tokens,
        logprobs,
        pending: Array.from(out.pending_rows!.data as BigInt64Array, Number),
        logits,
      };
    },
  };
}

/** Every block adds to the residual stream. */
export function openGates(layers: number): Gates {
  return { attention: new Float32Array(layers).fill(1), mlp: new Float32Array(layers).fill(1) };
}
