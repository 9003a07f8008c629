import { UserError } from '@sonde/base';
import { digestStream, randomUnitVector } from '@sonde/numerics';
import { matrix, openGemm } from './algebra/gemm.ts';
import { addInto } from './algebra/panels.ts';
import { chunks, gather, rowCount, type States } from './rows.ts';

/** A vector divided by its length; null where that is 0. */
export function unitDirection(vector: ArrayLike<number>): Float64Array | null {
  let largest = 0;
  for (let j = 0; j < vector.length; j++) largest = Math.max(largest, Math.abs(vector[j]!));
  if (largest === 0) return null;
  let squares = 0;
  for (let j = 0; j < vector.length; j++) squares += (vector[j]! / largest) ** 2;
  const length = Math.sqrt(squares);
  return Float64Array.from(vector, (value) => value / largest / length);
}

/** Scores, and where they become low and high. */
export interface Sides {
  /** [n]; NaN where a row has no score. */
  readonly values: Float64Array;
  readonly threshold: number;
}

/**
 * For each target the direction from the mean state of rows that score below its threshold to that of the others, as a
 * unit vector: what steering along it adds, and erasing it removes. All targets are told from one pass over the states.
 *
 * @param threads of a matrix product; does not change results
 * @returns [d] each; null where one side has no row or both have one mean
 */
export async function meanDifferences(
  states: States,
  targets: readonly Sides[],
  threads = 1,
): Promise<(Float64Array | null)[]> {
  const n = rowCount(states);
  const { d } = states;
  const shares = targets.map((sides) => sharesOf(sides, n));
  const gemm = await openGemm(threads);
  const sums = new Float64Array(targets.length * d);
  const shift = new Float64Array(d);
  for (const rows of chunks(Int32Array.from({ length: n }, (_, row) => row))) {
    const ofRows = new Float64Array(targets.length * rows.length);
    for (const [t, own] of shares.entries()) ofRows.set(own.subarray(rows[0], rows.at(-1)! + 1), t * rows.length);
    const left = matrix(ofRows, targets.length, rows.length);
    addInto(sums, await gemm.multiply('nn', left, matrix(gather({ states, shift }, rows), rows.length, d)));
  }
  return targets.map((_, t) => unitDirection(sums.subarray(t * d, (t + 1) * d)));
}

/** What each row's state adds to the difference of the two means: zeros where one side has no row. */
function sharesOf({ values, threshold }: Sides, n: number): Float64Array {
  if (values.length !== n) {
    throw new UserError('argument', `There are ${values.length} scores for ${n} states; give one a row.`);
  }
  const counts = [0, 0];
  for (const value of values) if (!Number.isNaN(value)) counts[value >= threshold ? 1 : 0]!++;
  if (counts.includes(0)) return new Float64Array(n);
  return values.map((value) => (Number.isNaN(value) ? 0 : value >= threshold ? 1 / counts[1]! : -1 / counts[0]!));
}

/** A vector as long as the given one in a random direction, uniform on the sphere: what a direction is held against. */
export function randomOfEqualLength(vector: Float32Array, seed: number, name: string): Float32Array {
  const direction = randomUnitVector(digestStream(seed, `control/${name}`), vector.length);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(direction, (value) => value * length);
}
