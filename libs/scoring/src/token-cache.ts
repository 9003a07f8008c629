/**
 * Values that depend on a token alone, kept by the token's units: texts use few distinct words, and a word's values
 * cost far more than finding them again. Keeps its own copy of the units, so that no string is made and no two tokens
 * are ever taken for one another; what is kept never changes a result.
 */
export interface TokenCache {
  /** [capacity × width] the values of the slot that `find` or `add` gave, from `slot * width`. */
  readonly values: Float32Array;
  /** The slot of the token units[start..end), or -1. */
  find(hash: number, units: Uint16Array, start: number, end: number): number;
  /** A new slot for a token that `find` did not find. When all are taken, everything kept so far is forgotten first. */
  add(hash: number, units: Uint16Array, start: number, end: number): number;
}

export function tokenCache(capacity: number, width: number, longestToken: number): TokenCache {
  const places = new Int32Array(capacity * 4).fill(-1);
  const mask = places.length - 1;
  const hashes = new Int32Array(capacity);
  const lengths = new Uint8Array(capacity);
  const kept = new Uint16Array(capacity * longestToken);
  const values = new Float32Array(capacity * width);
  let used = 0;

  const same = (slot: number, units: Uint16Array, start: number, end: number): boolean => {
    if (lengths[slot] !== end - start) return false;
    const from = slot * longestToken;
    for (let i = start; i < end; i++) if (kept[from + i - start] !== units[i]) return false;
    return true;
  };
  return {
    values,
    find(hash, units, start, end) {
      for (let place = hash & mask; ; place = (place + 1) & mask) {
        const slot = places[place]!;
        if (slot < 0) return -1;
        if (hashes[slot] === hash && same(slot, units, start, end)) return slot;
      }
    },
    add(hash, units, start, end) {
      if (used === capacity) {
        places.fill(-1);
        used = 0;
      }
      const slot = used++;
      hashes[slot] = hash;
      lengths[slot] = end - start;
      kept.set(units.subarray(start, end), slot * longestToken);
      let place = hash & mask;
      while (places[place]! >= 0) place = (place + 1) & mask;
      places[place] = slot;
      return slot;
    },
  };
}
