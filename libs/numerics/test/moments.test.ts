import { describe, expect, test } from 'vitest';
import { columnMoments, columnPearson, standardDeviation, toUnitVector } from '../src/index.ts';

describe('moments', () => {
  // Two columns: 1, 2, 6 and 5, 5, 5.
  const values = Float64Array.of(1, 5, 2, 5, 6, 5);
  test('are taken by column', () => {
    const { mean, squares, constant } = columnMoments(values, 2);
    expect([...mean]).toEqual([3, 5]);
    expect([...squares]).toEqual([14, 0]);
    expect([constant(0), constant(1)]).toEqual([false, true]);
  });
  test('tell a constant from rounding', () => {
    expect(columnMoments(Float64Array.of(0.1 + 0.2, 0.3, 0.3), 1).constant(0)).toBe(true);
  });
  test('give correlations by column, NaN where there is none', () => {
    const [r, none] = columnPearson(values, values, 2);
    expect(r).toBeCloseTo(1, 15);
    expect(none).toBeNaN();
    expect(columnPearson(Float64Array.of(1, 2, 3), Float64Array.of(3, 1, 2), 1)[0]).toBeCloseTo(-0.5, 15);
  });
  test('a unit vector has mean 0 and length 1', () => {
    const vector = Float64Array.of(1, 2, 6);
    expect(toUnitVector(vector)).toBe(true);
    expect(vector.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 15);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 15);
    expect(toUnitVector(Float64Array.of(4, 4))).toBe(false);
  });
  test('the standard deviation of one value is unknown', () => {
    expect(standardDeviation(Float64Array.of(3))).toBeNull();
    expect(standardDeviation(Float64Array.of(1, 3))).toBeCloseTo(Math.SQRT2, 15);
  });
});
