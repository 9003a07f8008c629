import { type Cache, cachedSize } from '@sonde/networks';
import type { Engine } from '../engine.ts';
import { mapCache, pickPrompts, pickRows } from './caches.ts';
import type { Sequence } from './sequence.ts';

/** Slots by which a sequence's own cache grows. */
const SLOTS = 8;
/** A grid is packed when what is left of it would fill at most this share. */
const PACK_BELOW = 0.75;

/**
 * The sequences of a decoding run as a grid of B prompts × K sequences, with their caches and running sums. A slot
 * without a sequence is computed and ignored.
 */
export interface Grid {
  readonly promptLengths: readonly number[];
  readonly samples: number;
  readonly slots: readonly (Sequence | null)[];
  readonly promptCache: Cache;
  /** [B, H, K, S, D], of which the first `filled` of S are in use. */
  readonly rowCache: Cache;
  readonly filled: number;
  /** [B · K, pools, pooled size] */
  readonly sums: Float32Array;
  /** [B · K, pooled size], or empty */
  readonly maxima: Float32Array;
}

/** Writes a step's keys and values [B, H, K, 1, D] into the next slot, making room first if there is none. */
export function storePresent(engine: Engine, grid: Grid, present: Cache, most: number): Grid {
  const size = cachedSize(engine.sizes);
  let { rowCache } = grid;
  const { filled } = grid;
  if (filled === rowCache.length) {
    const [before, capacity] = [rowCache.length, Math.min(most, rowCache.length + SLOTS)];
    const rows = present.keys[0]!.length / size;
    // All the room there will ever be is taken at once, and grown into from its end: no second copy, and no garbage.
    const whole = rows * most * size;
    const grow = (array: Float32Array): Float32Array => {
      const fits = array.buffer.byteLength >= 4 * whole;
      const out = fits ? new Float32Array(array.buffer, 0, whole) : new Float32Array(whole);
      if (!fits) out.set(array);
      for (let row = rows - 1; before > 0 && row > 0; row--) {
        out.copyWithin(row * capacity * size, row * before * size, (row + 1) * before * size);
      }
      return out.subarray(0, rows * capacity * size);
    };
    rowCache = mapCache(rowCache, grow, capacity);
  }
  const store = (to: Float32Array, from: Float32Array): void => {
    const stride = rowCache.length * size;
    for (let read = 0, write = filled * size; read < from.length; write += stride) {
      for (let i = 0; i < size; i++) to[write + i] = from[read++]!;
    }
  };
  for (let layer = 0; layer < present.keys.length; layer++) {
    store(rowCache.keys[layer]!, present.keys[layer]!);
    store(rowCache.values[layer]!, present.values[layer]!);
  }
  return { ...grid, rowCache, filled: filled + 1 };
}

/** Leaves out prompts without live sequences and packs the rest, where that makes the grid much smaller. */
export function packGrid(engine: Engine, grid: Grid, isLive: (sequence: Sequence) => boolean): Grid {
  const { samples: K, slots } = grid;
  const live = grid.promptLengths.map((_, b) =>
    Array.from({ length: K }, (__, k) => b * K + k).filter((slot) => slots[slot] && isLive(slots[slot])),
  );
  const prompts = live.flatMap((rows, b) => (rows.length > 0 ? [b] : []));
  const samples = Math.max(0, ...live.map((rows) => rows.length));
  if (prompts.length * samples > PACK_BELOW * slots.length || prompts.length === 0) return grid;

  const { keyValueHeads: H } = engine.sizes;
  const headSize = cachedSize(engine.sizes);
  const from = prompts.flatMap((b) => Array.from({ length: samples }, (_, k) => live[b]![k] ?? -1));
  const ofHeads = prompts.flatMap((b) =>
    Array.from({ length: H }, (_, h) => h).flatMap((h) =>
      Array.from({ length: samples }, (_, k) => {
        const slot = live[b]![k];
        return slot === undefined ? -1 : (b * H + h) * K + (slot - b * K);
      }),
    ),
  );
  const pools = grid.sums.length / (slots.length * engine.layout.size);
  return {
    promptLengths: prompts.map((b) => grid.promptLengths[b]!),
    samples,
    slots: from.map((slot) => (slot < 0 ? null : slots[slot]!)),
    promptCache:
      prompts.length === grid.promptLengths.length ? grid.promptCache : pickPrompts(engine, grid.promptCache, prompts),
    rowCache: mapCache(grid.rowCache, (array) => pickRows(array, ofHeads, grid.rowCache.length * headSize)),
    filled: grid.filled,
    sums: pickRows(grid.sums, from, pools * engine.layout.size),
    maxima: grid.maxima.length > 0 ? pickRows(grid.maxima, from, engine.layout.size) : grid.maxima,
  };
}
