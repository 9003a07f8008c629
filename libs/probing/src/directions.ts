import { UserError } from '@sonde/base';
import { digestStream, randomUnitVector } from '@sonde/numerics';
import { forEachRow, rowCount, type StateReader } from './rows.ts';

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

/**
 * The direction from the mean state of rows that score below a threshold to that of the others, as a unit vector: what
 * steering along it adds, and erasing it removes. Rows without a score (NaN) are left out.
 *
 * @param states [n, d], row-major
 * @param values [n]
 * @returns [d]; null where one side has no row or both have one mean
 */
export function meanDifference(
  states: Float32Array | StateReader,
  d: number,
  values: Float64Array,
  threshold: number,
): Float64Array | null {
  const n = rowCount({ values: states, d });
  if (values.length !== n) {
    throw new UserError('argument', `There are ${values.length} scores for ${n} states; give one a row.`);
  }
  const counts = [0, 0];
  for (const value of values) if (!Number.isNaN(value)) counts[value >= threshold ? 1 : 0]!++;
  const difference = new Float64Array(d);
  if (counts.includes(0)) return null;
  forEachRow({ values: states, d }, (row, of, at) => {
    const value = values[row]!;
    if (Number.isNaN(value)) return;
    const share = value >= threshold ? 1 / counts[1]! : -1 / counts[0]!;
    for (let j = 0; j < d; j++) difference[j] = difference[j]! + share * of[at + j]!;
  });
  return unitDirection(difference);
}

/** A vector as long as the given one in a random direction, uniform on the sphere: what a direction is held against. */
export function randomOfEqualLength(vector: Float32Array, seed: number, name: string): Float32Array {
  const direction = randomUnitVector(digestStream(seed, `control/${name}`), vector.length);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(direction, (value) => value * length);
}
