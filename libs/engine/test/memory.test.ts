import type { UserError } from '@sonde/base';
import { expect, test } from 'vitest';
import { memoryThere, requireMemory } from '../src/session/memory.ts';

/** Llama-2-7B: 6.48 of its 6.74 thousand million numbers are in the linear layers of blocks. */
function llama7b(quantization: 'nf4' | 'int8' | 'int4' | null): number {
  const bits = quantization === null ? 32 : { nf4: 4.5, int8: 9, int4: 5 }[quantization];
  return 0.26e9 * 4 + (6.48e9 * bits) / 8;
}

function refusal(there: number, quantization: 'nf4' | 'int8' | null = null): UserError {
  try {
    requireMemory('llama', quantization, llama7b, there);
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
  expect(tight.hint).toBe('It would fit with quantization: nf4 (4.68 GB) or int8 (8.33 GB) or int4 (5.09 GB).');
  expect(refusal(8e9, 'int8').hint).toBe('It would fit with quantization: nf4 (4.68 GB) or int4 (5.09 GB).');
  expect(refusal(2e9).hint).toBe('No precision fits: nf4 takes 4.68 GB, int8 takes 8.33 GB, int4 takes 5.09 GB.');
});

test('one that fits is not', () => {
  expect(requireMemory('llama', null, llama7b, 32e9)).toBeUndefined();
  expect(memoryThere()).toBeGreaterThan(2 ** 27);
});
