import type { Cache, TrunkSizes } from '@sonde/networks';
import type { Core, CoreRequest, CoreResult } from './core.ts';

/** Rows of one size, by number. */
function pick(source: Float32Array, size: number, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    out.set(source.subarray(row * size, (row + 1) * size), i * size);
  });
  return out;
}

/** The rows of some prompts in a cache of `perPrompt` rows each, the first `length` tokens of each row. */
function shorten(cache: Cache, prompts: readonly number[], perPrompt: number, length: number, size: number): Cache {
  const change = (array: Float32Array): Float32Array => {
    const out = new Float32Array(prompts.length * perPrompt * length * size);
    let to = 0;
    for (const b of prompts) {
      for (let row = b * perPrompt; row < (b + 1) * perPrompt; row++, to += length * size) {
        const from = row * cache.length * size;
        out.set(array.subarray(from, from + length * size), to);
      }
    }
    return out;
  };
  return { length, keys: cache.keys.map(change), values: cache.values.map(change) };
}

/** How many of the tokens [from, to) the step of a prompt may look at; they come first. */
function countVisible(
  { mask, promptCache, rowCache, tokens }: CoreRequest,
  prompt: number,
  from: number,
  to: number,
): number {
  const width = (promptCache?.length ?? 0) + (rowCache?.length ?? 0) + tokens;
  const start = (mask.dims[0] === 1 ? 0 : prompt) * mask.dims[1] * width;
  let count = 0;
  for (let i = from; i < to; i++) if (mask.full[start + i] === 0) count++;
  return count;
}

/**
 * Runs a graph that cannot leave out tokens in the middle of its cache (it counts positions itself, or takes from its
 * attention mask no more than a length): prompts of one length together, each with a cache that has no gaps.
 */
export function withoutGaps(core: Core, sizes: TrunkSizes, pooledSize: number): Core {
  const { keyValueHeads: H, headSize: D, vocabSize, layers } = sizes;

  const part = (request: CoreRequest, prompts: readonly number[], P: number, S: number): CoreRequest => {
    const { samples: K, tokens: T, pool, maximum } = request;
    const rows = prompts.flatMap((b) => Array.from({ length: K }, (_, k) => b * K + k));
    const place = new Map(rows.map((row, i) => [row, i]));
    const ofTokens = <A extends Int32Array | BigInt64Array>(array: A): A =>
      array.filter((_: number | bigint, i: number) => place.has(Math.floor(i / T))) as A;
    const wanted = Array.from(request.rows).filter((token) => place.has(Math.floor(token / T)));
    const Q = pool?.count ?? 0;
    return {
      prompts: prompts.length,
      samples: K,
      tokens: T,
      inputIds: ofTokens(request.inputIds),
      positions: ofTokens(request.positions),
      promptCache: shorten(request.promptCache!, prompts, H, P, D),
      rowCache: shorten(request.rowCache!, prompts, H * K, S, D),
      mask: { dims: [1, 1], full: new Float32Array(P + S + T), sliding: null },
      changes: request.changes,
      rows: Int32Array.from(wanted, (token) => place.get(Math.floor(token / T))! * T + (token % T)),
      ...(pool && {
        pool: {
          count: Q,
          weights: pick(pool.weights, Q * T, rows),
          ...(pool.keep && { keep: pick(pool.keep, Q, rows) }),
          ...(pool.before && { before: pick(pool.before, Q * pooledSize, rows) }),
        },
      }),
      ...(maximum && {
        maximum: {
          bias: pick(maximum.bias, T, rows),
          ...(maximum.before && { before: pick(maximum.before, pooledSize, rows) }),
        },
      }),
    };
  };

  return async (request) => {
    const { prompts: B, samples: K, tokens: T, promptCache, rowCache } = request;
    if (!promptCache || !rowCache) return core(request);
    const [P, S] = [promptCache.length, rowCache.length];
    const groups = new Map<string, { prompts: number[]; P: number; S: number }>();
    for (let b = 0; b < B; b++) {
      const own = { P: countVisible(request, b, 0, P), S: countVisible(request, b, P, P + S) };
      const key = `${own.P} ${own.S}`;
      const group = groups.get(key) ?? { prompts: [], ...own };
      group.prompts.push(b);
      groups.set(key, group);
    }
    const perPrompt = H * K * T * D;
    const fresh = (): Float32Array[] => Array.from({ length: layers }, () => new Float32Array(B * perPrompt));
    const Q = request.pool?.count ?? 0;
    const whole: CoreResult = {
      present: { length: T, keys: fresh(), values: fresh() },
      pooled: new Float32Array(B * K * Q * pooledSize),
      maximum: request.maximum ? new Float32Array(B * K * pooledSize) : null,
      logits: new Float32Array(request.rows.length * vocabSize),
    };
    const put = (to: Float32Array, from: Float32Array, size: number, prompts: readonly number[]): void => {
      prompts.forEach((b, i) => {
        to.set(from.subarray(i * size, (i + 1) * size), b * size);
      });
    };
    for (const group of groups.values()) {
      const result = await core(part(request, group.prompts, group.P, group.S));
      for (let layer = 0; layer < layers; layer++) {
        put(whole.present.keys[layer]!, result.present.keys[layer]!, perPrompt, group.prompts);
        put(whole.present.values[layer]!, result.present.values[layer]!, perPrompt, group.prompts);
      }
      put(whole.pooled, result.pooled, K * Q * pooledSize, group.prompts);
      if (whole.maximum) put(whole.maximum, result.maximum!, K * pooledSize, group.prompts);
      const members = new Set(group.prompts);
      let read = 0;
      request.rows.forEach((token, row) => {
        if (!members.has(Math.floor(token / (K * T)))) return;
        whole.logits.set(result.logits.subarray(read * vocabSize, ++read * vocabSize), row * vocabSize);
      });
    }
    return whole;
  };
}
