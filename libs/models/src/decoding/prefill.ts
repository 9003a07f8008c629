import type { Cache, Engine, Gates, MaximumRequest, PoolRequest } from '../engine.ts';
import { causalMask } from '../masks.ts';
import type { Decoding } from '../options.ts';
import { requireSpan, type TokenizedPrompt } from '../prompts.ts';
import { advance, type Sequence } from './sequence.ts';

/** Most tokens in one run over whole sequences, padding included; a constant, so that results do not depend on the machine. */
const TOKENS_PER_RUN = 4096;

/** Cuts a list of sequences of given lengths into runs, in order; each has at least one. */
export function runsOf(lengths: readonly number[], limit = TOKENS_PER_RUN): [number, number][] {
  const runs: [number, number][] = [];
  let start = 0;
  let longest = 0;
  lengths.forEach((length, i) => {
    const next = Math.max(longest, length);
    if (i > start && (i - start + 1) * next > limit) {
      runs.push([start, i]);
      start = i;
      longest = length;
    } else longest = next;
  });
  if (start < lengths.length) runs.push([start, lengths.length]);
  return runs;
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

/** Joins the caches [B, H, T, D] of several runs, padding T to the longest. */
function joinCaches(caches: readonly { cache: Cache; prompts: number }[], heads: number, size: number): Cache {
  if (caches.length === 1) return caches[0]!.cache;
  const length = Math.max(...caches.map(({ cache }) => cache.length));
  const prompts = caches.reduce((sum, part) => sum + part.prompts, 0);
  const join = (pick: (cache: Cache) => readonly Float32Array[]): Float32Array[] =>
    pick(caches[0]!.cache).map((_, layer) => {
      const out = new Float32Array(prompts * heads * length * size);
      let row = 0;
      for (const part of caches) {
        const from = pick(part.cache)[layer]!;
        const stride = part.cache.length * size;
        for (let i = 0; i < part.prompts * heads; i++, row++) {
          out.set(from.subarray(i * stride, (i + 1) * stride), row * length * size);
        }
      }
      return out;
    });
  return { length, keys: join((cache) => cache.keys), values: join((cache) => cache.values) };
}

/**
 * Reads prompts, keeps their cache, and gives each of their sequences its first token.
 * @param sequences of each prompt, as many for each
 * @param onStates called with the sum of the states over a prompt's own tokens, if states are wanted
 */
export async function prefill(
  engine: Engine,
  prompts: readonly TokenizedPrompt[],
  sequences: readonly (readonly Sequence[])[],
  decoding: Decoding,
  setting: { readonly gates: Gates; readonly eos: readonly number[] },
  onStates: ((prompt: TokenizedPrompt, pooled: Float32Array, offset: number) => void) | null,
): Promise<Cache> {
  const { keyValueHeads, headSize } = engine.sizes;
  const caches: { cache: Cache; prompts: number }[] = [];
  for (const [start, end] of runsOf(prompts.map((prompt) => prompt.ids.length))) {
    const group = prompts.slice(start, end);
    const { tokens, inputIds, positions } = padTokens(group.map((prompt) => prompt.ids));
    const rows = group.flatMap((prompt, i) =>
      sequences[start + i]!.map((sequence) => ({ sequence, token: i * tokens + prompt.ids.length - 1 })),
    );
    const request = {
      prompts: group.length,
      samples: 1,
      tokens,
      inputIds,
      positions,
      mask: causalMask(engine.sizes, tokens),
      gates: setting.gates,
      ...(onStates
        ? {
            pool: spanWeights(
              group.map((prompt) => [requireSpan(prompt)]),
              tokens,
            ),
          }
        : {}),
    };
    const result = await advance(engine, request, rows, decoding, setting.eos);
    for (const [i, prompt] of group.entries()) onStates?.(prompt, result.pooled, i * engine.pooledSize);
    caches.push({ cache: result.present, prompts: group.length });
  }
  return joinCaches(caches, keyValueHeads, headSize);
}
