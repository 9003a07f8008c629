/**
 * Values that depend on a token alone, kept by the token's units and flag: texts use few distinct words, and a word's
 * values cost far more than finding them again. Keeps its own copy of the units, so that no string is made and no two
 * tokens are ever taken for one another; what is kept never changes a result.
 */
export interface TokenCache {
  /** [1 + capacity, width] the values of slots; slot 0 belongs to no token and holds zeros. */
  readonly values: Float32Array;
  /** Makes room for so many more tokens: where there is not enough, all that is kept is forgotten. */
  reserve(tokens: number): void;
  /** The slot of the token units[start..end) with that flag. Of a new token it is negative, and its values not written yet. */
  slot(hash: number, flag: number, units: Uint16Array, start: number, end: number): number;
}

export function tokenCache(capacity: number, width: number, longestToken: number): TokenCache {
  // Four places a slot keep the runs of taken places short. 0: free.
  const places = new Int32Array(capacity * 4);
  const mask = places.length - 1;
  const hashes = new Int32Array(capacity + 1);
  // Length of the token, times 2, plus its flag.
  const kinds = new Uint8Array(capacity + 1);
  const kept = new Uint16Array((capacity + 1) * longestToken);
  let used = 0;

  const isSame = (slot: number, units: Uint16Array, start: number, end: number): boolean => {
    const from = slot * longestToken - start;
    for (let i = start; i < end; i++) if (kept[from + i] !== units[i]) return false;
    return true;
  };
  return {
    values: new Float32Array((capacity + 1) * width),
    reserve(tokens) {
      if (used + tokens <= capacity) return;
      places.fill(0);
      used = 0;
    },
    slot(hash, flag, units, start, end) {
      const kind = (end - start) * 2 + flag;
      let place = hash & mask;
      for (; places[place] !== 0; place = (place + 1) & mask) {
        const slot = places[place]!;
        if (hashes[slot] === hash && kinds[slot] === kind && isSame(slot, units, start, end)) return slot;
      }
      const slot = ++used;
      places[place] = slot;
      hashes[slot] = hash;
      kinds[slot] = kind;
      for (let i = start; i < end; i++) kept[slot * longestToken + i - start] = units[i]!;
      return -slot;
    },
  };
}
