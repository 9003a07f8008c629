import type { GraphBuilder, Value } from '@sonde/onnx';
import { cacheSizes, type TrunkSizes } from '../sizes.ts';
import { type Feed, type Feeds, floats, int64s } from './feeds.ts';
import { type CacheShapes, cacheShapeFeeds, cacheShapeInputs, type RunShape } from './shapes.ts';

/** Keys and values, one array for each of `cacheSizes`. */
export interface Cache {
  readonly length: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** What attention reads of tokens before the new ones. */
export interface CacheInputs {
  /** Of each form of heads. */
  readonly shapes: readonly CacheShapes[];
  /** [P, S, T] */
  readonly lengths: Value;
  /** [B, H, P, D] of each cache: kept once for all sequences of a prompt. */
  readonly promptKeys: readonly Value[];
  readonly promptValues: readonly Value[];
  /** [B, H, K, S, D] of each cache */
  readonly rowKeys: readonly Value[];
  readonly rowValues: readonly Value[];
  /** Takes the new tokens' keys and values, [B, H, K, T, D], for later; what it gives is used in their place. */
  readonly keep: (cache: number, keys: Value, values: Value) => { readonly keys: Value; readonly values: Value };
}

const KINDS = ['key', 'value'] as const;
type Kind = (typeof KINDS)[number];

/** The output with the new tokens' keys or values for a cache. */
export function presentName(cache: number, kind: Kind): string {
  return `present.${cache}.${kind}`;
}

export function cacheInputs(graph: GraphBuilder, sizes: TrunkSizes): CacheInputs {
  const all = (prefix: string, kind: Kind, ...slots: readonly string[]): Value[] =>
    cacheSizes(sizes).map(({ heads, size }, cache) =>
      graph.input(`${prefix}.${cache}.${kind}`, 'float32', ['B', heads, ...slots, size]),
    );
  return {
    shapes: cacheShapeInputs(graph, sizes),
    lengths: graph.input('lengths', 'int64', [3]),
    promptKeys: all('prompt', 'key', 'P'),
    promptValues: all('prompt', 'value', 'P'),
    rowKeys: all('past', 'key', 'K', 'S'),
    rowValues: all('past', 'value', 'K', 'S'),
    keep(cache, keys, values) {
      const kept = { keys: presentName(cache, 'key'), values: presentName(cache, 'value') };
      graph.output(kept.keys, keys, 'float32');
      graph.output(kept.values, values, 'float32');
      return kept;
    },
  };
}

const EMPTY = new Float32Array(0);

export function cacheFeeds(
  sizes: TrunkSizes,
  shape: RunShape,
  { promptCache, rowCache }: { readonly promptCache?: Cache; readonly rowCache?: Cache },
): Feeds {
  const { B, K, T, P, S } = shape;
  const all = (prefix: string, given: Cache | undefined, ...slots: readonly number[]): [string, Feed][] =>
    cacheSizes(sizes).flatMap(({ heads, size }, cache): [string, Feed][] => {
      const dims = [B, heads, ...slots, size];
      return [
        [`${prefix}.${cache}.key`, floats(given?.keys[cache] ?? EMPTY, dims)],
        [`${prefix}.${cache}.value`, floats(given?.values[cache] ?? EMPTY, dims)],
      ];
    });
  return {
    ...cacheShapeFeeds(shape),
    lengths: int64s([P, S, T]),
    ...Object.fromEntries(all('prompt', promptCache, P)),
    ...Object.fromEntries(all('past', rowCache, K, S)),
  };
}
