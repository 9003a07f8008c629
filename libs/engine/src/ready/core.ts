import { UserError } from '@sonde/base';
import {
  type Cache,
  type Feeds,
  gateFeeds,
  MAXIMUM_OUT,
  maximumFeeds,
  POOL_OUT,
  poolFeeds,
  withPrefix,
} from '@sonde/networks';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { RunRequest } from '../engine.ts';
import { tensorsOf } from '../session/tensors.ts';
import type { ReadyDecoder } from './surgery.ts';

/** A run of a cut graph, without the draw. */
export interface CoreRequest extends Omit<RunRequest, 'head' | 'logits' | 'reuse'> {
  /** Tokens, counted over all sequences, whose logits are wanted. */
  readonly rows: Int32Array;
}

export interface CoreResult {
  readonly present: Cache;
  readonly pooled: Float32Array;
  readonly maximum: Float32Array | null;
  /** [rows, vocabulary] */
  readonly logits: Float32Array;
}

/** Runs a cut graph. */
export type Core = (request: CoreRequest) => Promise<CoreResult>;

const EMPTY = new Float32Array(0);

/** For each of B · K rows, its H heads' places in arrays [B, H, K]. */
function headPlaces(B: number, H: number, K: number): BigInt64Array {
  const places = new BigInt64Array(B * K * H);
  let i = 0;
  for (let b = 0; b < B; b++) {
    for (let k = 0; k < K; k++) for (let h = 0; h < H; h++) places[i++] = BigInt((b * H + h) * K + k);
  }
  return places;
}

/** For each place in arrays [B, H, K], its place in arrays [B · K, H], `offset` further on. */
function rowPlaces(B: number, H: number, K: number, offset: number): BigInt64Array {
  const places = new BigInt64Array(B * H * K);
  let i = 0;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) for (let k = 0; k < K; k++) places[i++] = BigInt(offset + (b * K + k) * H + h);
  }
  return places;
}

/** Which of P + S + T tokens a row may look at: those its last token may. */
function visible(request: CoreRequest, prompt: number, width: number): Int32Array {
  const { dims, full } = request.mask;
  const lastQuery = (dims[0] === 1 ? 0 : prompt) * dims[1] + dims[1] - 1;
  return Int32Array.from(full.subarray(lastQuery * width, (lastQuery + 1) * width), (bias) => (bias === 0 ? 1 : 0));
}

/**
 * The only place that knows the names of a cut graph's inputs and outputs.
 * @param width numbers that a token's pooled states have
 */
export async function openCore(
  session: InferenceSession,
  decoder: ReadyDecoder,
  width: number,
  withMaximum: boolean,
): Promise<Core> {
  const { Tensor } = await import('onnxruntime-node');
  const { io, prefix, sizes } = decoder;
  const { layers, vocabSize, keyValueHeads: H, headSize: D } = sizes;
  const given = new Set(session.inputNames);
  const f32 = (data: Float32Array, dims: readonly number[]): OrtTensor => new Tensor('float32', data, dims);
  const i64 = (data: BigInt64Array, dims: readonly number[]): OrtTensor => new Tensor('int64', data, dims);
  const integers = (type: string, data: ArrayLike<number | bigint>, dims: readonly number[]): OrtTensor =>
    type === 'int64'
      ? i64(BigInt64Array.from(data as ArrayLike<number>, BigInt), dims)
      : new Tensor('int32', Int32Array.from(data as ArrayLike<number>, Number), dims);

  return async (request) => {
    const { prompts: B, samples: K, tokens: T } = request;
    const [P, S] = [request.promptCache?.length ?? 0, request.rowCache?.length ?? 0];
    if (P + S > 0 && io.past.length === 0) {
      throw new UserError(
        'model',
        'This graph keeps no cache (it has no past inputs), so it can be captured from but not generate; use one exported with past.',
      );
    }
    const rows = B * K;
    const total = P + S + T;
    const pools = { rows, tokens: T, size: width };
    const common: Feeds = {
      ...gateFeeds(request.changes.gates),
      ...poolFeeds(request.pool, pools),
      ...(withMaximum ? maximumFeeds(request.maximum, pools) : {}),
    };
    const feeds: Record<string, OrtTensor> = {
      [io.inputIds.name]: integers(io.inputIds.dataType, request.inputIds, [rows, T]),
      ...tensorsOf(Tensor, withPrefix(prefix, common)),
      // A head without rows is a case that other exporters' graphs need not have thought of.
      [`${prefix}head_rows`]: integers('int64', request.rows.length > 0 ? request.rows : [0], [
        Math.max(1, request.rows.length),
        1,
      ]),
    };
    if (io.positionIds) {
      feeds[io.positionIds.name] = integers(io.positionIds.dataType, request.positions, [rows, T]);
    }
    if (io.attentionMask) {
      const mask = new Int32Array(rows * total);
      for (let b = 0; b < B; b++) {
        const own = visible(request, b, total);
        for (let k = 0; k < K; k++) mask.set(own, (b * K + k) * total);
      }
      feeds[io.attentionMask.name] = integers(io.attentionMask.dataType, mask, [rows, total]);
    }
    if (io.keepLogits) {
      feeds[io.keepLogits.name] = integers(io.keepLogits.dataType, [0], io.keepLogits.dims?.length === 1 ? [1] : []);
    }
    if (io.past[0]) {
      const { stacked } = io.past[0];
      const lead = stacked ? [1] : [];
      const ofPrompt = Array.from({ length: rows }, (_, row) => Math.floor(row / K));
      feeds[`${prefix}prompt_rows`] = integers('int64', ofPrompt, [...lead, rows]);
      feeds[`${prefix}past_rows`] = i64(headPlaces(B, H, K), [...lead, rows, H]);
      feeds[`${prefix}present_keys`] = i64(rowPlaces(B, H, K, 0), [rows * H]);
      if (stacked) feeds[`${prefix}present_values`] = i64(rowPlaces(B, H, K, rows * H), [rows * H]);
      feeds[`${prefix}new_start`] = integers('int64', [-T], [1]);
      feeds[`${prefix}present_shape`] = integers('int64', [(stacked ? 2 : 1) * rows * H, T, D], [3]);
      for (let layer = 0; layer < layers; layer++) {
        for (const part of ['key', 'value'] as const) {
          const of = (cache: Cache | undefined): Float32Array =>
            (part === 'key' ? cache?.keys[layer] : cache?.values[layer]) ?? EMPTY;
          feeds[`${prefix}prompt.${layer}.${part}`] = f32(of(request.promptCache), [B, H, P, D]);
          feeds[`${prefix}past.${layer}.${part}`] = f32(of(request.rowCache), [rows * H, S, D]);
        }
      }
    }
    const out = await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => given.has(name))));
    const floats = (name: string): Float32Array => out[prefix + name]!.data as Float32Array;
    const logits = floats('logits');
    const cache = (part: string): Float32Array[] =>
      Array.from({ length: layers }, (_, layer) =>
        io.past.length > 0 ? floats(`present.${layer}.${part}`) : new Float32Array(rows * T),
      );
    if (logits.length !== Math.max(1, request.rows.length) * vocabSize) {
      throw new UserError(
        'model',
        `The graph gives ${logits.length} logits for ${Math.max(1, request.rows.length)} tokens; expected ${vocabSize} for each.`,
      );
    }
    return {
      present: { length: T, keys: cache('key'), values: cache('value') },
      pooled: floats(POOL_OUT),
      maximum: withMaximum ? floats(MAXIMUM_OUT) : null,
      logits: request.rows.length > 0 ? logits : EMPTY,
    };
  };
}
