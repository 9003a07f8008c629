import { expect, it } from 'vitest';
import { randomOfEqualLength } from '../src/index.ts';

function lengthOf(vector: Float32Array): number {
  return Math.hypot(...vector);
}

it('a random direction is as long as the vector that it stands for, and the same for one seed and name', () => {
  const vector = Float32Array.from({ length: 48 }, (_, i) => Math.sin(i));
  const random = randomOfEqualLength(vector, 1, 'a');
  expect(lengthOf(random)).toBeCloseTo(lengthOf(vector), 5);
  expect(randomOfEqualLength(vector, 1, 'a')).toEqual(random);
  expect(randomOfEqualLength(vector, 1, 'b')).not.toEqual(random);
  expect(randomOfEqualLength(vector, 2, 'a')).not.toEqual(random);
});
