import { createHash, hash } from 'node:crypto';
import { requireInteger } from './arguments.ts';
import { philox4x32 } from './philox.ts';

/** A sequence of random numbers that depends on nothing but (seed, name). */
export interface RandomStream {
  /** The next 32 random bits as an integer in [0, 2^32). */
  word(): number;
  /** An integer in [0, bound), bound ≤ 2^32; every value has probability 1/bound to within 2^-32. */
  below(bound: number): number;
}

/** The key of the Philox stream named by a seed and a name: the first 64 bits of their SHA-256. */
export function streamKey(seed: number, name: string): [number, number] {
  const digest = createHash('sha256').update(`${seed}\n${name}`).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/**
 * The random stream named by a seed and a name. Streams of different names are independent, so the order in which
 * results are computed does not change them.
 */
export function randomStream(seed: number, name: string): RandomStream {
  requireInteger('seed', seed, 0);
  const key = streamKey(seed, name);
  const counter: [number, number, number, number] = [0, 0, 0, 0];
  const block = new Uint32Array(4);
  let used = 4;
  return streamOf(() => {
    if (used === 4) {
      philox4x32(counter, key, block);
      counter[0] = (counter[0] + 1) >>> 0;
      if (counter[0] === 0) counter[1] = (counter[1] + 1) >>> 0;
      used = 0;
    }
    return block[used++]!;
  });
}

/**
 * The random stream of SHA-256 over (seed, name, counter). What was drawn from it stays so: permutations of a probe's
 * labels and random directions. Anything new draws from `randomStream`, which is faster.
 */
export function digestStream(seed: number, name: string): RandomStream {
  requireInteger('seed', seed, 0);
  let counter = 0;
  let used = 8;
  const words = new Uint32Array(8);
  return streamOf(() => {
    if (used === 8) {
      // A byte a character: of so short texts a hash object, or a buffer for its result, costs more than the hash.
      const digest = hash('sha256', `${seed}\n${name}\n${counter++}`, 'binary');
      for (let at = 0; at < 32; at += 4) {
        const low = digest.charCodeAt(at) | (digest.charCodeAt(at + 1) << 8);
        words[at / 4] = low | (digest.charCodeAt(at + 2) << 16) | (digest.charCodeAt(at + 3) << 24);
      }
      used = 0;
    }
    return words[used++]!;
  });
}

function streamOf(word: () => number): RandomStream {
  return { word, below: (bound) => Math.floor((word() / 0x100000000) * bound) };
}
