import { createHash } from 'node:crypto';
import type { RandomStream } from './streams.ts';

/** A random permutation of 0 … n − 1 (Fisher–Yates). */
export function randomPermutation(stream: RandomStream, n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = stream.below(i + 1);
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}

/** A random direction: a unit vector of d dimensions, uniform on the sphere (normalised Box–Muller draws). */
export function randomUnitVector(stream: RandomStream, d: number): Float64Array {
  const uniform = () => (stream.word() + 0.5) / 0x100000000;
  const vector = new Float64Array(d);
  let squares = 0;
  for (let j = 0; j < d; j++) {
    vector[j] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    squares += vector[j]! ** 2;
  }
  return vector.map((value) => value / Math.sqrt(squares));
}

/** Fills `into` with draws from a normal distribution of mean 0 (Box–Muller, both numbers of a pair). */
export function randomNormals(stream: RandomStream, into: Float32Array, standardDeviation: number): void {
  for (let i = 0; i < into.length; i += 2) {
    const radius = standardDeviation * Math.sqrt(-2 * Math.log((stream.word() + 0.5) / 0x100000000));
    const angle = (2 * Math.PI * (stream.word() + 0.5)) / 0x100000000;
    into[i] = radius * Math.cos(angle);
    if (i + 1 < into.length) into[i + 1] = radius * Math.sin(angle);
  }
}

/** SHA-256 of (seed, name) as hexadecimal text: ranks names in an order that depends on nothing but both. */
export function rankOf(seed: number, name: string): string {
  return createHash('sha256').update(`${seed}\n${name}`).digest('hex');
}
