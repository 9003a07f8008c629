import { describe, expect, test } from 'vitest';
import { meanDifferences, unitDirection } from '../src/index.ts';

describe('directions', () => {
  // Below 0.5: (0, 1), (2, 1); above: (4, 5); without a score: (90, 90).
  const states = Float32Array.of(0, 1, 2, 1, 4, 5, 90, 90);
  const values = Float64Array.of(0.1, 0.2, 0.9, Number.NaN);
  const directions = (...thresholds: number[]) =>
    meanDifferences(
      { values: states, d: 2 },
      thresholds.map((threshold) => ({ values, threshold })),
    );
  test('go from the mean of low scores to that of high ones', async () => {
    const [direction] = await directions(0.5);
    expect([...direction!]).toEqual([expect.closeTo(0.6, 12), expect.closeTo(0.8, 12)]);
  });
  test('are null where there is none, whatever stands beside it', async () => {
    const [none, some] = await directions(0.95, 0.5);
    expect([none, some]).toEqual([null, (await directions(0.5))[0]]);
    expect(unitDirection([0, 0])).toBeNull();
    expect(Math.hypot(...unitDirection([3e-300, 4e-300])!)).toBeCloseTo(1, 12);
  });
});
