import type { GraphBuilder, Value } from '@sonde/onnx';
import { type Feeds, floats } from './feeds.ts';

/** Sums over tokens: out[q] = keep[q] · before[q] + Σ over t of weights[q, t] · state[t]. */
export interface PoolRequest {
  readonly count: number;
  /** [sequences, count, T] */
  readonly weights: Float32Array;
  /** [sequences, count]; with `before` [sequences, count, pooled size]. Absent: nothing was there before. */
  readonly keep?: Float32Array;
  readonly before?: Float32Array;
}

/** The greatest value of each component: [sequences, T] zeros where a token counts, −∞ where it does not. */
export interface MaximumRequest {
  readonly bias: Float32Array;
  /** [sequences, pooled size] */
  readonly before?: Float32Array;
}

/** What sums read: weights [rows, Q, T], keep [rows, Q, 1], before [rows, Q, pooled size]. */
export interface PoolInputs {
  readonly weights: Value;
  readonly keep: Value;
  readonly before: Value;
}

/** What maxima read: bias [rows, T, 1], before [rows, pooled size]. */
export interface MaximumInputs {
  readonly bias: Value;
  readonly before: Value;
}

/** The outputs: sums [rows, Q, pooled size] and maxima [rows, pooled size]. */
export const POOL_OUT = 'pool_out';
export const MAXIMUM_OUT = 'maximum_out';

/** @param size numbers of a token's pooled states */
export function poolInputs(graph: GraphBuilder, size: number, prefix = ''): PoolInputs {
  return {
    weights: graph.input(`${prefix}pool_weights`, 'float32', ['rows', 'Q', 'T']),
    keep: graph.input(`${prefix}pool_keep`, 'float32', ['rows', 'Q', 1]),
    before: graph.input(`${prefix}pool_in`, 'float32', ['rows', 'Q', size]),
  };
}

export function maximumInputs(graph: GraphBuilder, size: number, prefix = ''): MaximumInputs {
  return {
    bias: graph.input(`${prefix}maximum_bias`, 'float32', ['rows', 'T', 1]),
    before: graph.input(`${prefix}maximum_in`, 'float32', ['rows', size]),
  };
}

/** What is pooled, of so many sequences of T tokens. */
export interface PoolSizes {
  readonly rows: number;
  readonly tokens: number;
  readonly size: number;
}

export function poolFeeds(pool: PoolRequest | undefined, { rows, tokens, size }: PoolSizes): Feeds {
  const count = pool?.count ?? 0;
  return {
    pool_weights: floats(pool?.weights ?? new Float32Array(0), [rows, count, tokens]),
    pool_keep: floats(pool?.keep ?? new Float32Array(rows * count), [rows, count, 1]),
    pool_in: floats(pool?.before ?? new Float32Array(rows * count * size), [rows, count, size]),
  };
}

export function maximumFeeds(maximum: MaximumRequest | undefined, { rows, tokens, size }: PoolSizes): Feeds {
  const none = (): Float32Array => new Float32Array(rows * size).fill(Number.NEGATIVE_INFINITY);
  return {
    maximum_bias: floats(maximum?.bias ?? new Float32Array(rows * tokens), [rows, tokens, 1]),
    maximum_in: floats(maximum?.before ?? none(), [rows, size]),
  };
}
