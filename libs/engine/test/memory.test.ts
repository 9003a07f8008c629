import type { UserError } from '@sonde/base';
import { expect, test } from 'vitest';
import { type HeldAs, memoryThere, requireMemory } from '../src/session/memory.ts';

/** Llama-2-7B in 16 bits: 6.48 of its 6.74 thousand million numbers are in the linear layers of blocks. */
function llama7b({ quantization, layerwiseCasting }: HeldAs): number {
  const others = layerwiseCasting ? 16 : 32;
  const bits = quantization === null ? others : { nf4: 4.5, int8: 9, int4: 5 }[quantization];
  return (0.26e9 * others + 6.48e9 * bits) / 8;
}

const AS_STORED: HeldAs = { quantization: null, layerwiseCasting: false };

function refusal(there: number, held: HeldAs = AS_STORED): UserError {
  try {
    requireMemory('llama', held, llama7b, there);
  } catch (error) {
    return error as UserError;
  }
  throw new Error('not refused');
}

test('a model whose weights are more than the memory is refused, with what would fit', () => {
  const tight = refusal(16e9);
  expect(tight.message).toBe(
    'llama: the weights alone take 27.0 GB in float32, in which it is computed; there are 16.0 GB of memory here.',
  );
  expect(tight.hint).toBe(
    'It would fit with quantization: nf4 (4.68 GB) or quantization: int8 (8.33 GB) or quantization: int4 (5.09 GB) or layerwise_casting: true (13.5 GB).',
  );
  expect(refusal(5.1e9, { quantization: 'int8', layerwiseCasting: false }).hint).toBe(
    'It would fit with quantization: nf4 (4.68 GB) or quantization: int4 (5.09 GB).',
  );
  const cast = refusal(8e9, { quantization: null, layerwiseCasting: true });
  expect(cast.message).toContain('take 13.5 GB cast layer by layer; there are 8.00 GB');
  expect(cast.hint).toContain('quantization: nf4 (4.17 GB)');
  expect(refusal(2e9).hint).toMatch(/^Nothing fits: quantization: nf4 takes 4\.68 GB, .*true takes 13\.5 GB\.$/);
});

test('one that fits is not', () => {
  expect(requireMemory('llama', AS_STORED, llama7b, 32e9)).toBeUndefined();
  expect(memoryThere()).toBeGreaterThan(2 ** 27);
});
