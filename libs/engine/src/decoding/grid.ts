import { type Cache, cacheSizes } from '@sonde/networks';
import type { Engine } from '../engine.ts';
import { pickPrompts, pickRows } from './caches.ts';
import { packRows } from './row-cache.ts';
import type { Sequence } from './sequence.ts';

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

/** Leaves out prompts without live sequences and packs the rest, where that makes the grid much smaller. */
export function packGrid(engine: Engine, grid: Grid, isLive: (sequence: Sequence) => boolean): Grid {
  const { samples: K, slots } = grid;
  const live = grid.promptLengths.map((_, b) =>
    Array.from({ length: K }, (__, k) => b * K + k).filter((slot) => slots[slot] && isLive(slots[slot])),
  );
  const prompts = live.flatMap((rows, b) => (rows.length > 0 ? [b] : []));
  const samples = Math.max(0, ...live.map((rows) => rows.length));
  if (prompts.length * samples > PACK_BELOW * slots.length || prompts.length === 0) return grid;

  const caches = cacheSizes(engine.sizes);
  const from = prompts.flatMap((b) => Array.from({ length: samples }, (_, k) => live[b]![k] ?? -1));
  const ofHeads = (H: number): number[] =>
    prompts.flatMap((b) =>
      Array.from({ length: H }, (_, h) => h).flatMap((h) =>
        Array.from({ length: samples }, (_, k) => {
          const slot = live[b]![k];
          return slot === undefined ? -1 : (b * H + h) * K + (slot - b * K);
        }),
      ),
    );
  const rows = new Map([...new Set(caches.map(({ heads }) => heads))].map((heads) => [heads, ofHeads(heads)]));
  const pools = grid.sums.length / (slots.length * engine.layout.size);
  return {
    promptLengths: prompts.map((b) => grid.promptLengths[b]!),
    samples,
    slots: from.map((slot) => (slot < 0 ? null : slots[slot]!)),
    promptCache:
      prompts.length === grid.promptLengths.length ? grid.promptCache : pickPrompts(engine, grid.promptCache, prompts),
    rowCache: packRows(
      grid.rowCache,
      caches.map(({ heads }) => rows.get(heads)!),
      caches.map(({ size }) => size),
    ),
    filled: grid.filled,
    sums: pickRows(grid.sums, from, pools * engine.layout.size),
    maxima: grid.maxima.length > 0 ? pickRows(grid.maxima, from, engine.layout.size) : grid.maxima,
  };
}
