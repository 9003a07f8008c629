import { describe, expect, test } from 'vitest';
import { quantile, randomStream } from '../src/index.ts';
import { philox4x32 } from '../src/philox.ts';
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

describe('Philox 4x32-10', () => {
  // Known answers published with the generator (Random123, kat_vectors).
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as [[number, number, number, number], [number, number], number[]][])('counter %j key %j', (counter, key, want) => {
    const out = new Uint32Array(4);
    philox4x32(counter, key, out);
    expect([...out]).toEqual(want);
  });
  test('a stream depends on its seed and name alone', () => {
    const take = (seed: number, name: string) => {
      const stream = randomStream(seed, name);
      return Array.from({ length: 9 }, () => stream.word());
    };
    expect(take(1, 'a')).toEqual(take(1, 'a'));
    expect(take(1, 'a')).not.toEqual(take(1, 'b'));
    expect(take(1, 'a')).not.toEqual(take(2, 'a'));
  });
  test('draws below a bound are even', () => {
    const stream = randomStream(0, 'even');
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 70_000; i++) counts[stream.below(7)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });
});

test('a quantile interpolates linearly', () => {
  expect(quantile([1, 2, 4], 0.5)).toBe(2);
  expect(quantile([1, 2, 4], 0.75)).toBe(3);
  expect(quantile([7], 0.1)).toBe(7);
  expect(() => quantile([], 0.5)).toThrow('at least one value');
});
