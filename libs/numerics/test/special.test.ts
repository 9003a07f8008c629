import { describe, expect, test } from 'vitest';
import { quantile } from '../src/index.ts';
import { incompleteBeta, logGamma, normalQuantile } from '../src/special.ts';

const relative = (got: number, want: number) => Math.abs(got - want) / Math.max(Math.abs(want), 1e-300);

// Reference values: scipy.special of SciPy 1.17.
describe('special functions agree with SciPy', () => {
  test.each([
    [0.5, 0.5, 0.3, 0.36901011956554536],
    [9, 0.5, 0.43, 0.00011922684045379262],
    [2.5, 7, 0.9, 0.9999984479014957],
    [180, 0.5, 0.74, 2.367880554007848e-25],
    [9, 0.5, 1e-9, 1.854705811381493e-82],
    [5000, 0.5, 0.999, 0.0015615791602892836],
    [0.5, 0.5, 0.999999, 0.9993633801215482],
  ])('incomplete beta I(%d, %d; %d)', (a, b, x, want) => {
    expect(relative(incompleteBeta(a, b, x), want)).toBeLessThan(1e-11);
  });
  test('incomplete beta where x and its complement, rounded apart, add up to more than 1', () => {
    const above = (value: number) => value * (1 + 2 ** -51);
    expect(relative(incompleteBeta(1.5, 0.5, above(0.625), above(0.375)), 0.27222840122441605)).toBeLessThan(1e-11);
  });
  test.each([
    [0.5, 0.5723649429247],
    [1, 0.0],
    [1.5, -0.12078223763524526],
    [9.5, 11.689333420797269],
    [200.5, 860.5822035097824],
    [5000.5, 37586.88488728106],
  ])('log gamma(%d)', (x, want) => {
    expect(Math.abs(logGamma(x) - want)).toBeLessThan(1e-12 * Math.max(1, Math.abs(want)));
  });
  test.each([
    [0.975, 1.959963984540054],
    [0.95, 1.6448536269514722],
    [0.5, 0.0],
    [0.6, 0.2533471031357997],
    [0.001, -3.090232306167813],
    [1e-10, -6.361340902404056],
  ])('normal quantile(%d)', (p, want) => {
    expect(Math.abs(normalQuantile(p) - want)).toBeLessThan(1e-12);
  });
});

test('a quantile interpolates linearly', () => {
  expect(quantile([1, 2, 4], 0.5)).toBe(2);
  expect(quantile([1, 2, 4], 0.75)).toBe(3);
  expect(quantile([7], 0.1)).toBe(7);
  expect(() => quantile([], 0.5)).toThrow('at least one value');
});
