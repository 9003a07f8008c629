import { MAX_NGRAMS, MAX_WORD, ngramHashes, tokenBuffer, tokenHash, tokenize } from './features.ts';
import { type LocalModel, WINDOW } from './local-files.ts';
import { tokenCache } from './token-cache.ts';

/** Tokens whose values are kept: about 30 MB with the embedded scorer. A power of two, more than a text's tokens. */
const CACHED_TOKENS = 1 << 15;

/** Tokens that are pooled together: their values fit into the fastest cache of a processor. */
const POOLED = 32;

/**
 * The network as a function from a text to its logits, or undefined where the text has no token.
 *
 * A token's embedding is its own row plus the mean of its n-grams' rows, plus a constant where it is in capitals. A
 * window of three tokens slides over the embeddings; its h hidden units (ReLU) are pooled over the text by maximum and
 * by mean, and mapped to k logits. To these are added two linear parts: token weights and n-gram weights, each sum
 * divided by the square root of its number of terms.
 *
 * The window is linear in the embeddings, so each token's share of each place in the window is computed once a token.
 * @returns a function whose result [k] is overwritten by its next call
 */
export function textLogits(model: LocalModel): (text: string) => Float64Array | undefined {
  const { h, k } = model.sizes;
  const outputWeight = Float64Array.from(model.float32('output.weight'));
  const outputBias = model.float32('output.bias');
  const tokenWeightScale = model.float32('token.weight.scale');
  const ngramWeightScale = model.float32('ngram.weight.scale');

  const { width, compute } = tokenValues(model);
  const linear = WINDOW * h;
  const capacity = Math.max(CACHED_TOKENS, 2 ** Math.ceil(Math.log2(model.maxUnits)));
  const cache = tokenCache(capacity, width, MAX_WORD);
  const values = cache.values;
  const buffer = tokenBuffer();
  // One more, where h is odd, for what `pool` makes of the unit after the last.
  const windowBias = new Float64Array(h + 1);
  windowBias.set(model.float32('window.bias'));
  const highest = new Float64Array(h + 1);
  const total = new Float64Array(h + 1);
  const sums = new Float64Array(2 * k + 1);
  const logits = new Float64Array(k);
  /** Where the values of a text's tokens start, between two tokens of zeros, beyond the text's ends. */
  const starts = new Int32Array(capacity + 2);

  /**
   * Adds the hidden units of the windows around the tokens [first, past) to the pools. Two units at once, and what is below
   * zero taken out without a branch, which nothing could foretell: (x + |x|) / 2 is exact.
   */
  const pool = (first: number, past: number): void => {
    for (let j = 0; j < h; j += 2) {
      const bias = windowBias[j]!;
      const biasNext = windowBias[j + 1]!;
      let sum = total[j]!;
      let sumNext = total[j + 1]!;
      let most = highest[j]!;
      let mostNext = highest[j + 1]!;
      let before = starts[first]! + j;
      let here = starts[first + 1]! + j;
      for (let i = first; i < past; i++) {
        const after = starts[i + 2]! + j;
        const unit = values[before]! + values[here + h]! + values[after + 2 * h]! + bias;
        const next = values[before + 1]! + values[here + h + 1]! + values[after + 2 * h + 1]! + biasNext;
        sum += (unit + Math.abs(unit)) / 2;
        sumNext += (next + Math.abs(next)) / 2;
        most = Math.max(most, unit);
        mostNext = Math.max(mostNext, next);
        before = here;
        here = after;
      }
      total[j] = sum;
      total[j + 1] = sumNext;
      highest[j] = most;
      highest[j + 1] = mostNext;
    }
  };

  return (text) => {
    tokenize(text, buffer);
    const { count, units, ends, capitals } = buffer;
    if (count === 0) return undefined;
    cache.reserve(count);
    highest.fill(0);
    total.fill(0);
    sums.fill(0);
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i]!;
      const hash = tokenHash(units, start, end);
      let slot = cache.slot(hash, capitals[i]!, units, start, end);
      if (slot < 0) {
        slot = -slot;
        compute(hash, capitals[i]!, units, start, end, values, slot * width);
      }
      const at = slot * width;
      starts[i + 1] = at;
      for (let j = 0; j <= 2 * k; j++) sums[j]! += values[at + linear + j]!;
      start = end;
    }
    starts[count + 1] = 0;
    for (let i = 0; i < count; i += POOLED) pool(i, Math.min(i + POOLED, count));

    const meanScale = 1 / (count + model.meanOffset);
    const tokenScale = 1 / Math.sqrt(count);
    const ngramScale = 1 / Math.sqrt(Math.max(1, sums[2 * k]!));
    for (let j = 0; j < k; j++) {
      let sum = outputBias[j]! + sums[j]! * tokenWeightScale[j]! * tokenScale;
      sum += sums[k + j]! * ngramWeightScale[j]! * ngramScale;
      for (let u = 0; u < h; u++) {
        sum += highest[u]! * outputWeight[u * k + j]! + total[u]! * meanScale * outputWeight[(h + u) * k + j]!;
      }
      logits[j] = sum;
    }
    return logits;
  };
}

/**
 * What is computed once a token: [WINDOW × h] its shares of the hidden units by its place in the window, [k] its token
 * weights, [k] the sums of its n-gram weights, and the number of its n-grams.
 */
function tokenValues(model: LocalModel) {
  const { d, h, k, Vt, Vn, Lt, Ln } = model.sizes;
  const windowWeight = inFours(model.float32('window.weight'), WINDOW, d, h);
  const tokenRows = model.int8('token.embedding');
  const tokenScale = model.float32('token.embedding.scale');
  const ngramRows = model.int8('ngram.embedding');
  const ngramScale = model.float32('ngram.embedding.scale');
  const capitalsEmbedding = model.float32('capitals.embedding');
  const tokenWeight = model.int8('token.weight');
  const ngramWeight = model.int8('ngram.weight');
  const hashes = new Int32Array(MAX_NGRAMS);
  const ngramTotal = new Int32Array(d);
  const weightTotal = new Int32Array(k);
  const embedding = new Float64Array(d);
  const width = WINDOW * h + 2 * k + 1;

  const compute = (
    hash: number,
    inCapitals: number,
    units: Uint16Array,
    start: number,
    end: number,
    into: Float32Array,
    at: number,
  ): void => {
    const ngrams = ngramHashes(units, start, end, hashes);
    const linear = at + WINDOW * h;
    const tokenRow = (hash & (Lt - 1)) * k;
    sumRows(ngramWeight, Ln, hashes, ngrams, weightTotal);
    for (let j = 0; j < k; j++) {
      into[linear + j] = tokenWeight[tokenRow + j]!;
      // A sum of small integers: exact in float32.
      into[linear + k + j] = weightTotal[j]!;
    }
    into[linear + 2 * k] = ngrams;
    sumRows(ngramRows, Vn, hashes, ngrams, ngramTotal);
    const row = (hash & (Vt - 1)) * d;
    for (let i = 0; i < d; i++) {
      const mean = (ngramTotal[i]! * ngramScale[i]!) / Math.max(1, ngrams);
      embedding[i] = tokenRows[row + i]! * tokenScale[i]! + mean + inCapitals * capitalsEmbedding[i]!;
    }
    let weight = 0;
    for (let p = 0; p < WINDOW; p++) {
      for (let j = 0; j < h; j += 4) {
        let a = 0;
        let b = 0;
        let c = 0;
        let e = 0;
        for (let i = 0; i < d; i++, weight += 4) {
          const value = embedding[i]!;
          a += value * windowWeight[weight]!;
          b += value * windowWeight[weight + 1]!;
          c += value * windowWeight[weight + 2]!;
          e += value * windowWeight[weight + 3]!;
        }
        const share = at + p * h + j;
        into[share] = a;
        if (j + 1 < h) into[share + 1] = b;
        if (j + 2 < h) into[share + 2] = c;
        if (j + 3 < h) into[share + 3] = e;
      }
    }
  };
  return { width, compute };
}

const rowStarts = new Int32Array(MAX_NGRAMS);

/** Writes the sum of the rows of `count` hashes in a table of so many rows, a power of two, to `into` [width]. */
function sumRows(table: Int8Array, rows: number, hashes: Int32Array, count: number, into: Int32Array): void {
  const width = into.length;
  for (let n = 0; n < count; n++) rowStarts[n] = (hashes[n]! & (rows - 1)) * width;
  for (let j = 0; j < width; j++) {
    let sum = 0;
    for (let n = 0; n < count; n++) sum += table[rowStarts[n]! + j]!;
    into[j] = sum;
  }
}

/** Weights [places, d, h] as [places, h / 4, d, 4], in the order in which they are read; zeros where h ends within four. */
function inFours(weights: Float32Array, places: number, d: number, h: number): Float64Array {
  const fours = Math.ceil(h / 4);
  const ordered = new Float64Array(places * fours * d * 4);
  for (let p = 0; p < places; p++) {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < h; j++) {
        ordered[((p * fours + (j >> 2)) * d + i) * 4 + (j & 3)] = weights[(p * d + i) * h + j]!;
      }
    }
  }
  return ordered;
}
