import type { GraphBuilder, Value } from '@sonde/onnx';
import { bool, type Feeds, floats, int32s, int64s, scalar } from './feeds.ts';

/** Uniform numbers that a draw may use; a row that needs more is drawn anew in another run (hardly ever, in practice). */
export const TRIES = 8;

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
  /** [rows, any] tokens that cannot come, and what is added to their logits: −∞, or 0 where a row is filled up. */
  readonly banned?: { readonly width: number; readonly data: BigInt64Array; readonly added: Float32Array };
  /** [rows, TRIES], or with several rounds a multiple of TRIES in a graph with a loop; only read when sampling. */
  readonly uniforms?: Float32Array;
  /** [rows] tokens to take, or −1; only read when not sampling. */
  readonly forced?: Int32Array;
}

/** The most probable next token of some rows, or those that are forced, with nothing changed. */
export function plainHead(rows: Int32Array, forced?: Int32Array): HeadRequest {
  return { rows, sample: false, temperature: 1, topK: 0, topP: 1, penalty: 1, ...(forced ? { forced } : {}) };
}

/** What decides a row's next token. Row r of the logits belongs to row r of the others. */
export interface DrawInputs {
  /** scalar bool: draw, or take the most probable token */
  readonly sample: Value;
  /** scalar bool: whether temperature, top-k, repetition penalty or banned tokens change the logits */
  readonly adjust: Value;
  /** scalar bool: whether the penalty or banned tokens do */
  readonly constrain: Value;
  /** scalar bool: whether top-k does */
  readonly limit: Value;
  readonly temperature: Value;
  /** [1] int64; the vocabulary size where there is no limit */
  readonly topK: Value;
  readonly topP: Value;
  readonly penalty: Value;
  /** [rows, any] int64: tokens seen so far, repeated to fill */
  readonly seen: Value;
  /** [rows, any] int64 and [rows, any]: tokens, and what is added to their logits; equal ones have equal numbers */
  readonly banned?: { readonly tokens: Value; readonly added: Value };
  /** [rows, TRIES · rounds] */
  readonly uniforms: Value;
  /** [1] int64: rows that are drawn for at a time; absent: all */
  readonly rowsAtATime?: Value;
  /** [rows] int32: a token to take whatever the logits say, or −1 */
  readonly forced: Value;
}

/** The outputs: tokens [R] int32, their log-probabilities [R], and the rows that are undecided, [any] int64. */
export const DRAW_OUT = { token: 'token', logprob: 'logprob', pending: 'pending_rows' } as const;

export function drawInputs(graph: GraphBuilder, rounds: number): DrawInputs {
  return {
    sample: graph.input('sample', 'bool', []),
    adjust: graph.input('adjust', 'bool', []),
    constrain: graph.input('constrain', 'bool', []),
    limit: graph.input('limit', 'bool', []),
    temperature: graph.input('temperature', 'float32', []),
    topK: graph.input('top_k', 'int64', [1]),
    topP: graph.input('top_p', 'float32', []),
    penalty: graph.input('repetition_penalty', 'float32', []),
    seen: graph.input('seen', 'int64', ['R', 'seen']),
    banned: {
      tokens: graph.input('banned', 'int64', ['R', 'banned']),
      added: graph.input('banned_added', 'float32', ['R', 'banned']),
    },
    uniforms: graph.input('uniforms', 'float32', ['R', rounds === 1 ? TRIES : 'tries']),
    ...(rounds === 1 ? { rowsAtATime: graph.input('rows_at_a_time', 'int64', [1]) } : {}),
    forced: graph.input('forced', 'int32', ['R']),
  };
}

/** What one thread's share of the rows that are drawn for at a time may take, in bytes: about what its caches hold. */
const PIECE_BYTES = 1.25 * 2 ** 20;

/** @param threads that draw, outside a loop; null: inside */
export function drawFeeds(head: HeadRequest, vocabSize: number, threads: number | null): Feeds {
  const count = head.rows.length;
  const seen = head.penalty === 1 ? undefined : head.seen;
  const uniforms = head.uniforms ?? new Float32Array(count * TRIES);
  const constrained = head.penalty !== 1 || head.banned !== undefined;
  const limited = head.topK > 0 && head.topK < vocabSize;
  const rowsOfThread = Math.max(1, Math.floor(PIECE_BYTES / (Float32Array.BYTES_PER_ELEMENT * vocabSize)));
  return {
    sample: bool(head.sample),
    adjust: bool(head.temperature !== 1 || limited || constrained),
    constrain: bool(constrained),
    limit: bool(limited),
    temperature: scalar(head.temperature),
    top_k: int64s([limited ? head.topK : vocabSize]),
    // Rounding must not refuse a draw where nothing is to be cut off.
    top_p: scalar(head.topP === 1 ? 2 : head.topP),
    repetition_penalty: scalar(head.penalty),
    seen: int64s(seen?.data ?? new BigInt64Array(count), [count, seen?.width ?? 1]),
    banned: int64s(head.banned?.data ?? new BigInt64Array(count), [count, head.banned?.width ?? 1]),
    banned_added: floats(head.banned?.added ?? new Float32Array(count), [count, head.banned?.width ?? 1]),
    uniforms: floats(uniforms, [count, uniforms.length / Math.max(1, count) || TRIES]),
    ...(threads === null ? {} : { rows_at_a_time: int64s([threads * rowsOfThread]) }),
    forced: int32s(head.forced ?? new Int32Array(count).fill(-1)),
  };
}

/** The tokens whose next token is wanted, by their numbers in the run. */
export function headRowInputs(graph: GraphBuilder): Value {
  return graph.input('head_rows', 'int32', ['R']);
}

export function headRowFeeds(rows: Int32Array): Feeds {
  return { head_rows: int32s(rows) };
}
