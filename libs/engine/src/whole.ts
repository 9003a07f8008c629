import { causalMask, type MaximumRequest, type PoolRequest, type TrunkSizes } from '@sonde/networks';
import type { RunRequest } from './engine.ts';
import { type Plan, placesOf } from './interventions.ts';

/** A sequence that is read from its start. */
export interface WholeSequence {
  readonly id: string;
  readonly ids: readonly number[];
  /** How many of its tokens are a prompt's; all if not given. */
  readonly promptTokens?: number;
  readonly sample?: number | null;
}

/** A run over whole sequences, padded at the end, without a head or pools. */
export function readWhole(sizes: TrunkSizes, sequences: readonly WholeSequence[], plan: Plan): RunRequest {
  const { tokens, inputIds, positions } = padTokens(sequences.map(({ ids }) => ids));
  return {
    prompts: sequences.length,
    samples: 1,
    tokens,
    inputIds,
    positions,
    mask: causalMask(sizes, tokens),
    changes: plan.changes(() => placesOf(sequences, tokens)),
  };
}

/** Token ids and positions [sequences, longest] of sequences read from their start, padded at the end. */
export function padTokens(sequences: readonly (readonly number[])[]): {
  tokens: number;
  inputIds: Int32Array;
  positions: BigInt64Array;
} {
  const tokens = Math.max(...sequences.map((ids) => ids.length));
  const inputIds = new Int32Array(sequences.length * tokens);
  const positions = new BigInt64Array(sequences.length * tokens);
  sequences.forEach((ids, row) => {
    inputIds.set(ids, row * tokens);
    for (let t = 0; t < tokens; t++) positions[row * tokens + t] = BigInt(t);
  });
  return { tokens, inputIds, positions };
}

/** Weights of sums over token ranges [first, past the last], one pool each: [sequences, pools, tokens]. */
export function spanWeights(ranges: readonly (readonly (readonly [number, number])[])[], tokens: number): PoolRequest {
  const count = ranges[0]?.length ?? 0;
  const weights = new Float32Array(ranges.length * count * tokens);
  ranges.forEach((pools, row) => {
    pools.forEach(([from, to], q) => {
      const start = (row * count + q) * tokens;
      weights.fill(1, start + from, start + to);
    });
  });
  return { count, weights };
}

/** Which tokens maxima are taken over: [sequences, tokens]. */
export function spanMaximum(ranges: readonly (readonly [number, number])[], tokens: number): MaximumRequest {
  const bias = new Float32Array(ranges.length * tokens).fill(Number.NEGATIVE_INFINITY);
  ranges.forEach(([from, to], row) => {
    bias.fill(0, row * tokens + from, row * tokens + to);
  });
  return { bias };
}

/** A range for each token of a sequence, empty ones for padding. */
export function eachToken(length: number, width: number): (readonly [number, number])[] {
  return Array.from({ length: width }, (_, t) => (t < length ? [t, t + 1] : [0, 0]));
}
