import type { GraphBuilder, Value } from '@sonde/onnx';
import { cachedSize, type TrunkSizes } from '../sizes.ts';
import { type Feed, type Feeds, floats, int64s } from './feeds.ts';
import { type CacheShapes, cacheShapeFeeds, cacheShapeInputs, type RunShape } from './shapes.ts';

/** Keys and values of every block, one array each. */
export interface Cache {
  readonly length: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** What attention reads of tokens before the new ones. */
export interface CacheInputs extends CacheShapes {
  /** [P, S, T] */
  readonly lengths: Value;
  /** [B, H, P, D] of each block: kept once for all sequences of a prompt. */
  readonly promptKeys: readonly Value[];
  readonly promptValues: readonly Value[];
  /** [B, H, K, S, D] of each block */
  readonly rowKeys: readonly Value[];
  readonly rowValues: readonly Value[];
  /** Takes the new tokens' keys and values, [B, H, K, T, D], for later; what it gives is used in their place. */
  readonly keep: (layer: number, keys: Value, values: Value) => { readonly keys: Value; readonly values: Value };
}

const KINDS = ['key', 'value'] as const;
type Kind = (typeof KINDS)[number];

/** The output with the new tokens' keys or values. */
export function presentName(layer: number, kind: Kind): string {
  return `present.${layer}.${kind}`;
}

export function cacheInputs(graph: GraphBuilder, sizes: TrunkSizes): CacheInputs {
  const { layers, keyValueHeads } = sizes;
  const all = (prefix: string, kind: Kind, dims: readonly (string | number)[]): Value[] =>
    Array.from({ length: layers }, (_, layer) => graph.input(`${prefix}.${layer}.${kind}`, 'float32', dims));
  const ofPrompt = ['B', keyValueHeads, 'P', cachedSize(sizes)];
  const ofRow = ['B', keyValueHeads, 'K', 'S', cachedSize(sizes)];
  return {
    ...cacheShapeInputs(graph),
    lengths: graph.input('lengths', 'int64', [3]),
    promptKeys: all('prompt', 'key', ofPrompt),
    promptValues: all('prompt', 'value', ofPrompt),
    rowKeys: all('past', 'key', ofRow),
    rowValues: all('past', 'value', ofRow),
    keep(layer, keys, values) {
      const kept = { keys: presentName(layer, 'key'), values: presentName(layer, 'value') };
      graph.output(kept.keys, keys, 'float32');
      graph.output(kept.values, values, 'float32');
      return kept;
    },
  };
}

const EMPTY = new Float32Array(0);

export function cacheFeeds(
  layers: number,
  shape: RunShape,
  { promptCache, rowCache }: { readonly promptCache?: Cache; readonly rowCache?: Cache },
): Feeds {
  const { B, H, K, T, D, P, S } = shape;
  const all = (prefix: string, cache: Cache | undefined, dims: readonly number[]): [string, Feed][] =>
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer): [string, Feed][] => [
      [`${prefix}.${layer}.key`, floats(cache?.keys[layer] ?? EMPTY, dims)],
      [`${prefix}.${layer}.value`, floats(cache?.values[layer] ?? EMPTY, dims)],
    ]);
  return {
    ...cacheShapeFeeds(shape),
    lengths: int64s([P, S, T]),
    ...Object.fromEntries(all('prompt', promptCache, [B, H, P, D])),
    ...Object.fromEntries(all('past', rowCache, [B, H, K, S, D])),
  };
}
