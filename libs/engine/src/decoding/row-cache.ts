import type { Cache } from '@sonde/networks';
import { mapCache } from './caches.ts';

/**
 * Memory for all slots that one array will ever have. The caches of sequences' own tokens, keys and values
 * [rows, slots, size] of each of `cacheSizes`, lie at its beginning, and grow and are packed there.
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
  /** Numbers of one row's keys or values, in each cache. */
  readonly sizes: readonly number[];
  /** Slots that are in use, and how many there will be at most. */
  readonly filled: number;
  readonly most: number;
}

/** Writes a step's keys and values [rows, 1, size] into the next slot, making room first if there is none. */
export function storeStep(memory: RowMemory, cache: Cache, present: Cache, step: Step): Cache {
  const { sizes, filled } = step;
  const rows = present.keys.map(({ length }, number) => length / sizes[number]!);
  const grown = filled < cache.length ? cache : grow(memory, cache, rows, step);
  for (const [number, size] of sizes.entries()) {
    storeRows(grown.keys[number]!, present.keys[number]!, size, grown.length, filled);
    storeRows(grown.values[number]!, present.values[number]!, size, grown.length, filled);
  }
  return grown;
}

/** @param rows of each cache */
function grow(memory: RowMemory, cache: Cache, rows: readonly number[], { sizes, filled, most }: Step): Cache {
  const slots = Math.min(most, filled + slotsAtATime(most));
  if (filled === 0) {
    const first = (offset: number) =>
      sizes.map((size, number) => {
        const slot = rows[number]! * size;
        return memory(2 * number + offset, slot * most).subarray(0, slot * slots);
      });
    return { length: slots, keys: first(0), values: first(1) };
  }
  const spread = (array: Float32Array, number: number): Float32Array => {
    const size = sizes[number]!;
    const out = new Float32Array(array.buffer, 0, rows[number]! * slots * size);
    for (let row = rows[number]! - 1; row > 0; row--) {
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

/**
 * Leaves rows `from`, in rising order, where −1 stands for a row of zeros; none is farther behind than it was.
 * @param from of each cache @param sizes of each cache, see `Step`
 */
export function packRows(cache: Cache, from: readonly (readonly number[])[], sizes: readonly number[]): Cache {
  const pack = (array: Float32Array, number: number): Float32Array => {
    const rows = from[number]!;
    const stride = cache.length * sizes[number]!;
    rows.forEach((row, i) => {
      if (row < 0) array.fill(0, i * stride, (i + 1) * stride);
      else if (row !== i) array.copyWithin(i * stride, row * stride, (row + 1) * stride);
    });
    return array.subarray(0, rows.length * stride);
  };
  return mapCache(cache, pack);
}
