import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sigmoid } from '../src/sigmoid.ts';

describe('sigmoid', () => {
  it('is the logistic function to six decimals', () => {
    fc.assert(
      fc.property(fc.double({ min: -60, max: 60, noNaN: true }), (x) => {
        expect(Math.abs(sigmoid(x) - 1 / (1 + Math.exp(-x)))).toBeLessThanOrEqual(0.5e-6 + 1e-12);
      }),
    );
    expect(sigmoid(0)).toBe(0.5);
  });

  it('stays in [0, 1] at the ends of the range', () => {
    expect([sigmoid(-1e9), sigmoid(1e9)]).toEqual([0, 1]);
  });
});
