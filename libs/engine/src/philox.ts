import { createHash } from 'node:crypto';

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/**
 * Philox 4x32-10, a counter-based generator (Salmon et al., SC 2011, doi 10.1145/2063384.2063405): four random 32-bit
 * words that are a function of a key and a counter alone.
 */
export function philox(
  key: readonly [number, number],
  counter: readonly [number, number, number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0);
    const high1 = multiplyHigh(M1, c2);
    const low0 = Math.imul(M0, c0) >>> 0;
    const low1 = Math.imul(M1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The key of a prompt's random streams: the first 64 bits of SHA-256 of the seed and the prompt's id. */
export function streamKey(seed: number, promptId: string): [number, number] {
  const digest = createHash('sha256').update(`${seed}\n${promptId}`).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/**
 * Writes uniform numbers in [0, 1), multiples of 2⁻²⁴, for one draw. They depend on the key, the sample, the position
 * of the token in its continuation and the round (0, or more if one round of numbers did not decide the draw).
 * @param count a multiple of 4
 */
export function fillUniforms(
  out: Float32Array,
  offset: number,
  count: number,
  key: readonly [number, number],
  draw: { readonly sample: number; readonly token: number; readonly round: number },
): void {
  for (let block = 0; block < count / 4; block++) {
    const words = philox(key, [draw.round * (count / 4) + block, draw.token, draw.sample, 0]);
    for (let i = 0; i < 4; i++) out[offset + block * 4 + i] = (words[i]! >>> 8) * 2 ** -24;
  }
}
