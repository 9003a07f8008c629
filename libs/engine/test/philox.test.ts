import { expect, test } from 'vitest';
import { fillUniforms, philox, streamKey } from '../src/philox.ts';

test('Philox 4x32-10 gives the known answers of Random123', () => {
  const ones = 0xffffffff;
  expect(philox([0, 0], [0, 0, 0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  expect(philox([ones, ones], [ones, ones, ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  expect(philox([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344])).toEqual([
    0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
  ]);
});

test('a draw has its own numbers, in [0, 1)', () => {
  const numbers = (sample: number, token: number, round: number): number[] => {
    const out = new Float32Array(8);
    fillUniforms(out, 0, 8, streamKey(0, 'p1'), { sample, token, round });
    return [...out];
  };
  const all = [numbers(0, 0, 0), numbers(1, 0, 0), numbers(0, 1, 0), numbers(0, 0, 1)].flat();
  expect(new Set(all).size).toBe(32);
  expect(all.every((u) => u >= 0 && u < 1)).toBe(true);
  expect(numbers(0, 0, 0)).toEqual(numbers(0, 0, 0));
  expect(streamKey(0, 'p1')).not.toEqual(streamKey(1, 'p1'));
});
