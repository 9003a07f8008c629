import { totalmem } from 'node:os';
import { UserError } from '@sonde/base';
import { type Precision, QUANTIZATIONS } from '@sonde/checkpoints';

/** Bytes that the process may have at most: the machine's, or what its container is limited to. */
export function memoryThere(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(3)} GB`;
}

/** How weights lie in memory. */
export type HeldAs = Pick<Precision, 'quantization' | 'layerwiseCasting'>;

/** Other ways than the one asked for, as the options say them. */
function othersOf({ quantization, layerwiseCasting }: HeldAs): { readonly name: string; readonly held: HeldAs }[] {
  const quantized = QUANTIZATIONS.filter((name) => name !== quantization).map((name) => ({
    name: `quantization: ${name}`,
    held: { quantization: name, layerwiseCasting },
  }));
  if (layerwiseCasting) return quantized;
  return [...quantized, { name: 'layerwise_casting: true', held: { quantization, layerwiseCasting: true } }];
}

function saidAs({ quantization, layerwiseCasting }: HeldAs): string {
  if (layerwiseCasting) return `cast layer by layer${quantization === null ? '' : ` and quantised to ${quantization}`}`;
  return quantization === null ? 'in float32, in which it is computed' : `quantised to ${quantization}`;
}

/**
 * Refuses a model whose weights alone are more than all the memory there is, before anything is loaded.
 * @param bytesAs bytes of the weights as they run when they are held in a way
 * @throws UserError that says what is needed, what is there, and what would fit
 */
export function requireMemory(
  folder: string,
  held: HeldAs,
  bytesAs: (held: HeldAs) => number,
  there = memoryThere(),
): void {
  const needed = bytesAs(held);
  if (needed <= there) return;
  const others = othersOf(held).map(({ name, held: other }) => ({ name, bytes: bytesAs(other) }));
  const fitting = others.filter(({ bytes }) => bytes < there).map(({ name, bytes }) => `${name} (${gigabytes(bytes)})`);
  throw new UserError(
    'model',
    `${folder}: the weights alone take ${gigabytes(needed)} ${saidAs(held)}; there are ${gigabytes(there)} of memory here.`,
    fitting.length > 0
      ? `It would fit with ${fitting.join(' or ')}.`
      : `Nothing fits: ${others.map(({ name, bytes }) => `${name} takes ${gigabytes(bytes)}`).join(', ')}.`,
  );
}
