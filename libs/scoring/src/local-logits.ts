import { MAX_NGRAMS, MAX_WORD, ngramHashes, tokenBuffer, tokenHash, tokenize } from './features.ts';
import type { LocalModel } from './local-files.ts';
import { tokenCache } from './token-cache.ts';

/** Tokens whose values are kept; about 30 MB with the embedded scorer. A power of two. */
const CACHED_TOKENS = 1 << 14;

/**
 * The network as a function from a text to its logits, or undefined where the text has no token.
 *
 * A token's embedding is its own row plus the mean of its n-grams' rows. A window of w tokens slides over the
 * embeddings; its h hidden units (ReLU) are pooled over the text by maximum and by mean, and mapped to k logits. To
 * these are added two linear parts: token weights and n-gram weights, each sum divided by the square
 * root of its number of terms.
 *
 * The window is linear in the embeddings, so each token's share of each place in the window is computed once a token
 * and added where the token stands.
 * @returns a function whose result [k] is overwritten by its next call
 */
export function textLogits(model: LocalModel): (text: string) => Float64Array | undefined {
  const { d, h, k, w } = model.sizes;
  const before = w >> 1;
  const outputWeight = Float64Array.from(model.float32('output.weight'));
  const outputBias = model.float32('output.bias');
  const windowBias = Float64Array.from(model.float32('window.bias'));
  const tokenWeight = model.int8('token.weight');
  const tokenWeightScale = model.float32('token.weight.scale');
  const tokenWeightMask = model.sizes.Lt - 1;
  const ngramWeightScale = model.float32('ngram.weight.scale');

  // Per token: w × h shares of the window, then k sums of n-gram weights, then the number of n-grams.
  const width = w * h + k + 1;
  const cache = tokenCache(CACHED_TOKENS, width, MAX_WORD);
  const compute = tokenValues(model);
  const capitals = windowShares(model, Float64Array.from(model.float32('capitals.embedding')));

  const buffer = tokenBuffer();
  // A ring of the w hidden sums that the token being read still adds to.
  const ring = Array.from({ length: w }, () => new Float64Array(h));
  const highest = new Float64Array(h);
  const total = new Float64Array(h);
  const tokenSum = new Float64Array(k);
  const ngramSum = new Float64Array(k);
  const logits = new Float64Array(k);

  const pool = (hidden: Float64Array) => {
    for (let j = 0; j < h; j++) {
      const value = hidden[j]!;
      if (value > 0) {
        total[j]! += value;
        if (value > highest[j]!) highest[j] = value;
      }
    }
  };
  const addTokenWeights = (hash: number) => {
    const row = (hash & tokenWeightMask) * k;
    for (let j = 0; j < k; j++) tokenSum[j]! += tokenWeight[row + j]!;
  };

  return (text) => {
    tokenize(text, buffer);
    const { count, units, ends } = buffer;
    if (count === 0) return undefined;
    highest.fill(0);
    total.fill(0);
    tokenSum.fill(0);
    ngramSum.fill(0);
    for (const hidden of ring) hidden.set(windowBias);
    let ngrams = 0;
    for (let i = 0; i < count; i++) {
      const start = i === 0 ? 0 : ends[i - 1]!;
      const end = ends[i]!;
      const hash = tokenHash(units, start, end);
      let slot = cache.find(hash, units, start, end);
      if (slot < 0) {
        slot = cache.add(hash, units, start, end);
        compute(hash, units, start, end, cache.values, slot * width);
      }
      const from = slot * width;
      const values = cache.values;
      // Place p of the window that is centred at token i + before - p sees this token.
      for (let p = 0; p < w; p++) {
        const centre = i + before - p;
        if (centre < 0 || centre >= count) continue;
        const hidden = ring[centre % w]!;
        const share = from + p * h;
        for (let j = 0; j < h; j++) hidden[j]! += values[share + j]!;
        if (buffer.capitals[i] === 1) for (let j = 0; j < h; j++) hidden[j]! += capitals[p * h + j]!;
      }
      const done = i - before;
      if (done >= 0) {
        pool(ring[done % w]!);
        ring[done % w]!.set(windowBias);
      }
      addTokenWeights(hash);
      const linear = from + w * h;
      for (let j = 0; j < k; j++) ngramSum[j]! += values[linear + j]!;
      ngrams += values[linear + k]!;
    }
    for (let centre = Math.max(0, count - before); centre < count; centre++) pool(ring[centre % w]!);

    const meanScale = 1 / (count + model.meanOffset);
    const tokenScale = 1 / Math.sqrt(count);
    const ngramScale = ngrams === 0 ? 0 : 1 / Math.sqrt(ngrams);
    for (let j = 0; j < k; j++) {
      let sum = outputBias[j]! + tokenSum[j]! * tokenWeightScale[j]! * tokenScale;
      sum += ngramSum[j]! * ngramWeightScale[j]! * ngramScale;
      for (let u = 0; u < h; u++) {
        sum += highest[u]! * outputWeight[u * k + j]! + total[u]! * meanScale * outputWeight[(h + u) * k + j]!;
      }
      logits[j] = sum;
    }
    return logits;
  };

  /** Computes what the cache keeps of a token. */
  function tokenValues({ int8, float32, sizes }: LocalModel) {
    const tokenRows = int8('token.embedding');
    const tokenScale = float32('token.embedding.scale');
    const ngramRows = int8('ngram.embedding');
    const ngramScale = float32('ngram.embedding.scale');
    const ngramWeight = int8('ngram.weight');
    const hashes = new Int32Array(MAX_NGRAMS);
    const embedding = new Float64Array(d);
    const ngramTotal = new Float64Array(d);
    return (hash: number, units: Uint16Array, start: number, end: number, into: Float32Array, at: number): void => {
      const ngrams = ngramHashes(units, start, end, hashes);
      ngramTotal.fill(0);
      into.fill(0, at, at + width);
      for (let n = 0; n < ngrams; n++) {
        const row = (hashes[n]! & (sizes.Vn - 1)) * d;
        for (let j = 0; j < d; j++) ngramTotal[j]! += ngramRows[row + j]!;
        const weights = (hashes[n]! & (sizes.Ln - 1)) * k;
        // Sums of small integers: exact in float32.
        for (let j = 0; j < k; j++) into[at + w * h + j]! += ngramWeight[weights + j]!;
      }
      into[at + w * h + k] = ngrams;
      const row = (hash & (sizes.Vt - 1)) * d;
      for (let j = 0; j < d; j++) {
        embedding[j] = tokenRows[row + j]! * tokenScale[j]! + (ngramTotal[j]! * ngramScale[j]!) / Math.max(1, ngrams);
      }
      into.set(windowShares(model, embedding), at);
    };
  }
}

/** [w × h] what an embedding [d] adds to the hidden units, for each place in the window. */
function windowShares(model: LocalModel, embedding: Float64Array): Float32Array {
  const { d, h, w } = model.sizes;
  const weight = model.float32('window.weight');
  const shares = new Float64Array(w * h);
  for (let p = 0; p < w; p++) {
    for (let i = 0; i < d; i++) {
      const value = embedding[i]!;
      const row = (p * d + i) * h;
      for (let j = 0; j < h; j++) shares[p * h + j]! += value * weight[row + j]!;
    }
  }
  return Float32Array.from(shares);
}
