import { describe, expect, test } from 'vitest';
import { intervalLevels, randomNormals, randomStream } from '../src/index.ts';
import { quantile } from '../src/quantile.ts';

describe('levels of a bootstrap interval', () => {
  // Φ(−t √(n / (n − 1))) by SciPy 1.17.
  test.each([
    [10, 0.008550639024406366],
    [30, 0.01875390027822054],
    [200, 0.024026184770620417],
    [5000, 0.024960824581785595],
  ])('of %i units are those of Student’s t', (units, below) => {
    const [low, high] = intervalLevels(0.95, units);
    expect(low).toBeCloseTo(below, 12);
    expect(high).toBeCloseTo(1 - below, 12);
  });
  test('of endlessly many are the plain percentiles', () => {
    expect(intervalLevels(0.9, Number.POSITIVE_INFINITY)[0]).toBeCloseTo(0.05, 12);
  });
  test('hold the mean of ten units about as often as said, where plain percentiles miss it twice as often', () => {
    const stream = randomStream(1, 'interval levels');
    const missed = [0, 0];
    const times = 1000;
    for (let time = 0; time < times; time++) {
      const values = new Float32Array(10);
      randomNormals(stream, values, 1);
      const means = Float64Array.from({ length: 400 }, () => {
        let sum = 0;
        for (let i = 0; i < 10; i++) sum += values[stream.below(10)]!;
        return sum / 10;
      }).sort();
      for (const [i, units] of [10, Number.POSITIVE_INFINITY].entries()) {
        const [low, high] = intervalLevels(0.95, units).map((level) => quantile(means, level));
        if (low! > 0 || high! < 0) missed[i]! += 1 / times;
      }
    }
    expect(missed[0]).toBeLessThan(0.075);
    expect(missed[1]).toBeGreaterThan(0.09);
  });
});
