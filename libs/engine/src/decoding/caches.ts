import { type Cache, cacheSizes } from '@sonde/networks';
import type { Engine } from '../engine.ts';

/** Copies rows of equal size: row i of the result is row `from[i]`, or zeros where that is −1. */
export function pickRows(source: Float32Array, from: readonly number[], size: number): Float32Array {
  const out = new Float32Array(from.length * size);
  from.forEach((row, i) => {
    if (row >= 0) out.set(source.subarray(row * size, (row + 1) * size), i * size);
  });
  return out;
}

/** @param change of an array, and of which cache it is */
export function mapCache(
  cache: Cache,
  change: (array: Float32Array, number: number) => Float32Array,
  length = cache.length,
): Cache {
  return { length, keys: cache.keys.map(change), values: cache.values.map(change) };
}

/** The cache [B, H, P, D] of some of its prompts. */
export function pickPrompts({ sizes }: Pick<Engine, 'sizes'>, cache: Cache, prompts: readonly number[]): Cache {
  const all = cacheSizes(sizes);
  return mapCache(cache, (array, number) => {
    const { heads, size } = all[number]!;
    return pickRows(array, prompts, heads * cache.length * size);
  });
}

/** Joins the caches [B, H, T, D] of several runs, padding T to the longest. */
export function joinCaches(
  { sizes }: Pick<Engine, 'sizes'>,
  caches: readonly { readonly cache: Cache; readonly prompts: number }[],
): Cache {
  if (caches.length === 1) return caches[0]!.cache;
  const all = cacheSizes(sizes);
  const length = Math.max(...caches.map(({ cache }) => cache.length));
  const prompts = caches.reduce((sum, part) => sum + part.prompts, 0);
  const join = (pick: (cache: Cache) => readonly Float32Array[]): Float32Array[] =>
    all.map(({ heads, size }, number) => {
      const out = new Float32Array(prompts * heads * length * size);
      let row = 0;
      for (const part of caches) {
        const from = pick(part.cache)[number]!;
        const stride = part.cache.length * size;
        for (let i = 0; i < part.prompts * heads; i++, row++) {
          out.set(from.subarray(i * stride, (i + 1) * stride), row * length * size);
        }
      }
      return out;
    });
  return { length, keys: join((cache) => cache.keys), values: join((cache) => cache.values) };
}
