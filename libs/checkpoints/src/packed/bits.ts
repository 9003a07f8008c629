/**
 * A code of some bits in a row of 32-bit words that are filled from the least bit on; a code may lie across two words.
 * @param at of the row's first word
 * @param stride between words of a row
 */
export function codeAt(words: Uint32Array, at: number, stride: number, index: number, bits: number): number {
  const bit = index * bits;
  const [first, shift] = [at + (bit >>> 5) * stride, bit & 31];
  const mask = 2 ** bits - 1;
  const low = words[first]! >>> shift;
  if (shift + bits <= 32) return low & mask;
  return (low | (words[first + stride]! << (32 - shift))) & mask;
}

/** Words that so many codes fill. */
export function wordsFor(codes: number, bits: number): number {
  return Math.ceil((codes * bits) / 32);
}
