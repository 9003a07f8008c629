import { FOLD, SPACE, WORD } from './fold.ts';

/** A longer run of word units is cut into several tokens. */
export const MAX_WORD = 24;
/** A run of one mark is one token of at most so many units. */
const MAX_MARKS = 3;
/** A character n-gram is that long, counting the < and > around its word. */
const MIN_NGRAM = 3;
const MAX_NGRAM = 5;

const FNV_PRIME = 0x01000193;
const WORD_SEED = 0x811c9dc5;
const NGRAM_SEED = 0x9747b28c;
const OPEN = 60;
const CLOSE = 62;

/** Tokens of one text, kept in arrays that are used again for the next. */
export interface TokenBuffer {
  /** Folded units of all tokens, one after the other. */
  units: Uint16Array;
  /** [count] where each token ends in `units`. */
  ends: Int32Array;
  /** [count] 1 where the token was written in capitals. */
  capitals: Uint8Array;
  count: number;
}

export function tokenBuffer(): TokenBuffer {
  return { units: new Uint16Array(0), ends: new Int32Array(0), capitals: new Uint8Array(0), count: 0 };
}

/**
 * Cuts a text into tokens: a run of word units (letters, digits, ' * @ $) or a run of one mark, after folding each
 * UTF-16 unit. Works on units alone, so that every Unicode version gives the same tokens.
 */
export function tokenize(text: string, buffer: TokenBuffer): void {
  const length = text.length;
  if (buffer.units.length < length) {
    buffer.units = new Uint16Array(length * 2);
    buffer.ends = new Int32Array(length * 2);
    buffer.capitals = new Uint8Array(length * 2);
  }
  const { units, ends, capitals } = buffer;
  let count = 0;
  let end = 0;
  let start = 0;
  let uppers = 0;
  let lowers = 0;
  // Of the token being read: 0 none, 1 a word, else the mark.
  let kind = 0;
  for (let i = 0; i <= length; i++) {
    const unit = i < length ? text.charCodeAt(i) : SPACE;
    const folded = FOLD[unit]!;
    if (folded === 0) continue;
    const here = folded === SPACE ? 0 : WORD[folded] === 1 ? 1 : folded;
    if (here !== kind || (here === 1 && end - start === MAX_WORD)) {
      if (end > start) {
        ends[count] = end;
        capitals[count] = uppers >= 2 && lowers === 0 ? 1 : 0;
        count++;
        start = end;
      }
      uppers = 0;
      lowers = 0;
      kind = here;
    } else if (here > 1 && end - start === MAX_MARKS) {
      continue;
    }
    if (here === 0) continue;
    units[end++] = folded;
    if (unit >= 0x41 && unit <= 0x5a) uppers++;
    else if (folded >= 0x61 && folded <= 0x7a) lowers++;
  }
  buffer.count = count;
}

/** Spreads a hash over all 32 bits (signed). */
function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return h ^ (h >>> 16);
}

/** The hash of a token, from its folded units between < and >. */
export function tokenHash(units: Uint16Array, start: number, end: number): number {
  let h = Math.imul(WORD_SEED ^ OPEN, FNV_PRIME);
  for (let i = start; i < end; i++) h = Math.imul(h ^ units[i]!, FNV_PRIME);
  return finish(Math.imul(h ^ CLOSE, FNV_PRIME));
}

/** Writes the hashes of a word's character n-grams to `into` and returns their number; a mark has none. */
export function ngramHashes(units: Uint16Array, start: number, end: number, into: Int32Array): number {
  if (WORD[units[start]!] === 0) return 0;
  const length = end - start + 2;
  let count = 0;
  for (let first = 0; first < length; first++) {
    let h = NGRAM_SEED;
    const past = Math.min(first + MAX_NGRAM, length);
    for (let i = first; i < past; i++) {
      const unit = i === 0 ? OPEN : i === length - 1 ? CLOSE : units[start + i - 1]!;
      h = Math.imul(h ^ unit, FNV_PRIME);
      if (i - first + 1 >= MIN_NGRAM) into[count++] = finish(h);
    }
  }
  return count;
}

/** Room that `ngramHashes` needs for the longest token. */
export const MAX_NGRAMS = (MAX_WORD + 2) * (MAX_NGRAM - MIN_NGRAM + 1);
