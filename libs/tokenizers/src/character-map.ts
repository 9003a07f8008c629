/** What a grapheme or character becomes; null where it stays. */
export type CharacterMap = (text: string) => string | null;

const maps = new Map<string, CharacterMap | null>();

/**
 * The map in a SentencePiece model: a trie as a double array of 32-bit units (its length in bytes comes first), then the
 * texts that its leaves point to, each with a zero at its end.
 * @param base64 as tokenizer.json has it @returns null if it is not such
 */
export function characterMap(base64: string): CharacterMap | null {
  const known = maps.get(base64);
  if (known !== undefined) return known;
  const map = readMap(Buffer.from(base64, 'base64'));
  maps.set(base64, map);
  return map;
}

function readMap(bytes: Buffer): CharacterMap | null {
  if (bytes.length < 4) return null;
  const end = 4 + bytes.readUInt32LE(0);
  if (end > bytes.length || end % 4 !== 0) return null;
  const units = new Uint32Array((end - 4) / 4);
  for (let i = 0; i < units.length; i++) units[i] = bytes.readUInt32LE(4 + 4 * i);
  const texts = bytes.subarray(end);
  return (text) => {
    const leaf = firstLeaf(units, Buffer.from(text));
    if (leaf === null) return null;
    const stop = texts.indexOf(0, leaf);
    return texts.subarray(leaf, stop < 0 ? texts.length : stop).toString('utf8');
  };
}

/** What the shortest key that the bytes begin with points to. */
function firstLeaf(units: Uint32Array, key: Uint8Array): number | null {
  let at = offsetOf(units[0] ?? 0);
  for (const byte of key) {
    if (byte === 0) return null;
    at ^= byte;
    const unit = units[at] ?? 0;
    if ((unit & 0x800000ff) >>> 0 !== byte) return null;
    at ^= offsetOf(unit);
    if ((unit >>> 8) & 1) return (units[at] ?? 0) & 0x7fffffff;
  }
  return null;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
