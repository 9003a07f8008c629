import type { Cache } from '@sonde/networks';
import { mapCache } from './caches.ts';

/**
 * The caches of sequences' own tokens, keys and values [rows, slots, size] of each layer, of which some slots are in use.
 * They lie at the beginning of memory that holds all slots there will ever be, and grow and are packed where they are.
 */
export type RowMemory = (array: number, numbers: number) => Float32Array;

/** Memory that one batch after another uses: fresh memory takes more time than what is written to it. */
export function createRowMemory(): RowMemory {
  const arrays: Float32Array[] = [];
  return (array, numbers) => {
    const known = arrays[array];
    if (known !== undefined && known.length >= numbers) return known.fill(0, 0, numbers);
    arrays[array] = new Float32Array(numbers);
    return arrays[array];
  };
}

/** What is known of a step's keys and values. */
interface Step {
  /** Numbers of one row's keys or values. */
  readonly size: number;
  /** Slots that are in use, and how many there will be at most. */
  readonly filled: number;
  readonly most: number;
}

/** Writes a step's keys and values [rows, 1, size] into the next slot, making room first if there is none. */
export function storeStep(memory: RowMemory, cache: Cache, present: Cache, step: Step): Cache {
  const { size, filled } = step;
  const rows = present.keys[0]!.length / size;
  const grown = filled < cache.length ? cache : grow(memory, cache, rows, step);
  for (let layer = 0; layer < present.keys.length; layer++) {
    storeRows(grown.keys[layer]!, present.keys[layer]!, size, grown.length, filled);
    storeRows(grown.values[layer]!, present.values[layer]!, size, grown.length, filled);
  }
  return grown;
}

function grow(memory: RowMemory, cache: Cache, rows: number, { size, filled, most }: Step): Cache {
  const slots = Math.min(most, filled + slotsAtATime(most));
  if (filled === 0) {
    const first = (offset: number) =>
      cache.keys.map((_, layer) => memory(2 * layer + offset, rows * most * size).subarray(0, rows * slots * size));
    return { length: slots, keys: first(0), values: first(1) };
  }
  const spread = (array: Float32Array): Float32Array => {
    const out = new Float32Array(array.buffer, 0, rows * slots * size);
    for (let row = rows - 1; row > 0; row--) {
      out.copyWithin(row * slots * size, row * filled * size, (row + 1) * filled * size);
    }
    return out;
  };
  return mapCache(cache, spread, slots);
}

/**
 * Slots by which caches grow where `most` will be needed. Each growth moves what is there, and each step reads what is not
 * in use yet: a slot that is moved costs about as much as five that are read.
 */
function slotsAtATime(most: number): number {
  return Math.ceil(most / Math.max(1, Math.round(Math.sqrt(most / 5))));
}

/** Copies rows [N, size] into one slot of [N, slots, size], eight bytes at a time where rows allow it. */
function storeRows(to: Float32Array, from: Float32Array, size: number, slots: number, slot: number): void {
  if (size % 2 === 0) copyStrided(inPairs(to), inPairs(from), size / 2, slots, slot);
  else copyStrided(to, from, size, slots, slot);
}

function inPairs({ buffer, byteOffset, length }: Float32Array): Float64Array {
  return new Float64Array(buffer, byteOffset, length / 2);
}

type Numbers = Float32Array | Float64Array;

function copyStrided(to: Numbers, from: Numbers, size: number, slots: number, slot: number): void {
  for (let read = 0, write = slot * size; read < from.length; write += slots * size) {
    for (let i = 0; i < size; i++) to[write + i] = from[read++]!;
  }
}

/** Leaves rows `from`, in rising order, where −1 stands for a row of zeros; none is farther behind than it was. */
export function packRows(cache: Cache, from: readonly number[], size: number): Cache {
  const stride = cache.length * size;
  const pack = (array: Float32Array): Float32Array => {
    from.forEach((row, i) => {
      if (row < 0) array.fill(0, i * stride, (i + 1) * stride);
      else if (row !== i) array.copyWithin(i * stride, row * stride, (row + 1) * stride);
    });
    return array.subarray(0, from.length * stride);
  };
  return mapCache(cache, pack);
}
