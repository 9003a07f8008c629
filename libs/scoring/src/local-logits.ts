import { MAX_NGRAMS, MAX_WORD, ngramHashes, tokenBuffer, tokenHash, tokenize } from './features.ts';
import { type LocalModel, WINDOW } from './local-files.ts';
import { tokenCache } from './token-cache.ts';

/** Tokens whose values are kept: about 30 MB with the embedded scorer. A power of two, more than a text's tokens. */
const CACHED_TOKENS = 1 << 15;

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
  const windowBias = Float64Array.from(model.float32('window.bias'));
  const tokenWeightScale = model.float32('token.weight.scale');
  const ngramWeightScale = model.float32('ngram.weight.scale');

  const { width, compute } = tokenValues(model);
  const linear = WINDOW * h;
  const capacity = Math.max(CACHED_TOKENS, 2 ** Math.ceil(Math.log2(model.maxUnits)));
  const cache = tokenCache(capacity, width, MAX_WORD);
  const values = cache.values;
  const buffer = tokenBuffer();
  const highest = new Float64Array(h);
  const total = new Float64Array(h);
  const sums = new Float64Array(2 * k + 1);
  const logits = new Float64Array(k);

  /** Adds the hidden units of the window whose tokens' values start at these places to the pools. */
  const pool = (before: number, here: number, after: number) => {
    for (let j = 0; j < h; j++) {
      const sum = values[before + j]! + values[here + h + j]! + values[after + 2 * h + j]! + windowBias[j]!;
      if (sum > 0) {
        total[j]! += sum;
        if (sum > highest[j]!) highest[j] = sum;
      }
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
    // Where the values of the last two tokens start; 0 is a token of zeros, beyond the text's ends.
    let before = 0;
    let here = 0;
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i]!;
      const hash = tokenHash(units, start, end);
      let slot = cache.slot(hash, capitals[i]!, units, start, end);
      if (slot < 0) {
        slot = -slot;
        compute(hash, capitals[i]!, units, start, end, values, slot * width);
      }
      const after = slot * width;
      if (i > 0) pool(before, here, after);
      for (let j = 0; j <= 2 * k; j++) sums[j]! += values[after + linear + j]!;
      before = here;
      here = after;
      start = end;
    }
    pool(before, here, 0);

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
  const windowWeight = Float64Array.from(model.float32('window.weight'));
  const tokenRows = model.int8('token.embedding');
  const tokenScale = model.float32('token.embedding.scale');
  const ngramRows = model.int8('ngram.embedding');
  const ngramScale = model.float32('ngram.embedding.scale');
  const capitalsEmbedding = model.float32('capitals.embedding');
  const tokenWeight = model.int8('token.weight');
  const ngramWeight = model.int8('ngram.weight');
  const hashes = new Int32Array(MAX_NGRAMS);
  const ngramTotal = new Int32Array(d);
  const shares = new Float64Array(h);
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
    for (let j = 0; j < k; j++) {
      into[linear + j] = tokenWeight[tokenRow + j]!;
      into[linear + k + j] = 0;
    }
    into[linear + 2 * k] = ngrams;
    ngramTotal.fill(0);
    for (let n = 0; n < ngrams; n++) {
      const row = (hashes[n]! & (Vn - 1)) * d;
      for (let j = 0; j < d; j++) ngramTotal[j]! += ngramRows[row + j]!;
      const weights = (hashes[n]! & (Ln - 1)) * k;
      // Sums of small integers: exact in float32.
      for (let j = 0; j < k; j++) into[linear + k + j]! += ngramWeight[weights + j]!;
    }
    const row = (hash & (Vt - 1)) * d;
    for (let i = 0; i < d; i++) {
      const mean = (ngramTotal[i]! * ngramScale[i]!) / Math.max(1, ngrams);
      embedding[i] = tokenRows[row + i]! * tokenScale[i]! + mean + inCapitals * capitalsEmbedding[i]!;
    }
    for (let p = 0; p < WINDOW; p++) {
      shares.fill(0);
      for (let i = 0; i < d; i++) {
        const value = embedding[i]!;
        const weights = (p * d + i) * h;
        for (let j = 0; j < h; j++) shares[j]! += value * windowWeight[weights + j]!;
      }
      into.set(shares, at + p * h);
    }
  };
  return { width, compute };
}
