import { totalmem } from 'node:os';
import { UserError } from '@sonde/base';
import { QUANTIZATIONS, type Quantization } from '@sonde/checkpoints';

/** Bytes that the process may have at most: the machine's, or what its container is limited to. */
export function memoryThere(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(3)} GB`;
}

/**
 * Refuses a model whose weights alone are more than all the memory there is, before anything is loaded.
 * @param bytesAs bytes of the weights as they run with each quantisation, or with none
 * @throws UserError that says what is needed, what is there, and what would fit
 */
export function requireMemory(
  folder: string,
  quantization: Quantization | null,
  bytesAs: (quantization: Quantization | null) => number,
  there = memoryThere(),
): void {
  const needed = bytesAs(quantization);
  if (needed <= there) return;
  const others = QUANTIZATIONS.map((name) => ({ name, bytes: bytesAs(name) }));
  const fitting = others.filter(({ bytes }) => bytes < there).map(({ name, bytes }) => `${name} (${gigabytes(bytes)})`);
  const how = quantization === null ? 'in float32, in which it is computed' : `quantised to ${quantization}`;
  throw new UserError(
    'model',
    `${folder}: the weights alone take ${gigabytes(needed)} ${how}; there are ${gigabytes(there)} of memory here.`,
    fitting.length > 0
      ? `It would fit with quantization: ${fitting.join(' or ')}.`
      : `No precision fits: ${others.map(({ name, bytes }) => `${name} takes ${gigabytes(bytes)}`).join(', ')}.`,
  );
}
