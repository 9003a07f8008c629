import { describe, expect, test } from 'vitest';
import { digestStream, philox4x32, randomPermutation, randomStream, randomUnitVector } from '../src/index.ts';

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

test('a stream of digests gives the same words for ever', () => {
  const words = [
    1317324114, 3461695104, 3740050361, 3017829309, 4104092414, 2192730985, 1718233205, 1958230057, 3368931345,
  ];
  const stream = digestStream(7, 'control/0');
  expect(words.map(() => stream.word())).toEqual(words);
});

test('a permutation holds every index once, and a direction has length 1', () => {
  const order = randomPermutation(randomStream(0, 'order'), 50);
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
  expect(Math.hypot(...randomUnitVector(randomStream(0, 'direction'), 16))).toBeCloseTo(1, 12);
});
