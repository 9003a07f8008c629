import { streamKey } from '@sonde/numerics';
import { expect, test } from 'vitest';
import { fillUniforms } from '../src/decoding/uniforms.ts';

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
