import { fieldsOf } from '@sonde/checkpoints';
import { describe, expect, test } from 'vitest';
import { plainRotary, rotaryOf } from '../src/rotary.ts';

/** torch 2.15: 1 / theta ** (torch.arange(0, dimensions, 2).float() / dimensions), as transformers writes it. */
const OF_TORCH: readonly (readonly [number, number, readonly number[]])[] = [
  [
    10000,
    80,
    [
      1.0, 0.7943282127380371, 0.630957305431366, 0.5011872053146362, 0.3981071710586548, 0.3162277638912201,
      0.25118863582611084, 0.19952623546123505, 0.15848931670188904, 0.1258925497531891, 0.10000000149011612,
      0.07943282276391983,
    ],
  ],
  [
    500000,
    12,
    [
      1.0, 0.11224619299173355, 0.012599208392202854, 0.001414213445968926, 0.00015874006203375757,
      1.7817979824030772e-5,
    ],
  ],
];

describe('rotary frequencies', () => {
  test.each(OF_TORCH)(
    'of theta %d in %d dimensions are those of float32 steps, to the last digit',
    (theta, size, first) => {
      const { inverseFrequencies } = plainRotary(theta, size);
      expect(inverseFrequencies).toHaveLength(size / 2);
      expect([...inverseFrequencies.slice(0, first.length)]).toEqual(first);
    },
  );

  test('of an odd part of a head have one pair more than it has whole ones', () => {
    expect(plainRotary(10_000, 3).inverseFrequencies).toHaveLength(2);
  });

  test('of an odd part of a head are not spread by YaRN', () => {
    const yarn = fieldsOf({ rope_type: 'yarn', factor: 4 }, 'config.json');
    const sizes = { headSize: 12, maxPositions: 64 };
    expect(() => rotaryOf(yarn, yarn, sizes, { partialFactor: 0.25, ofTables: true })).toThrow('needs an even part');
  });
});
