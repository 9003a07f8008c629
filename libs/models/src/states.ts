import type { DecoderSizes } from './architectures/architecture.ts';
import { ModelError } from './errors.ts';
import type { Capture } from './options.ts';
import type { CapturedStates, Pool, StateTensor } from './types.ts';

/** Where pooled states of sequences are gathered while they are computed. */
export interface StateCollector {
  /**
   * Writes a row of a pool.
   * @param from the engine's pooled numbers: the states of layers 0 … L and the normed last one, at `offset`
   * @param divisor what a sum is divided by to give a mean
   * @throws NonFiniteStates
   */
  write(pool: Pool, row: number, from: Float32Array, offset: number, divisor: number): void;
  finish(): CapturedStates;
}

/** A state that is not a number or infinite; caught where its cause can be found. */
export class NonFiniteStates extends ModelError {}

/** @param rows number of rows of each pool */
export function collectStates(
  sizes: DecoderSizes,
  capture: Capture,
  rows: Partial<Record<Pool, number>>,
): StateCollector {
  const { hiddenSize: d, layers: blocks } = sizes;
  const count = capture.layers.length;
  const data = new Map<Pool, Float32Array>();
  for (const pool of capture.pools) data.set(pool, new Float32Array((rows[pool] ?? 0) * count * d));
  return {
    write(pool, row, from, offset, divisor) {
      const target = data.get(pool)!;
      capture.layers.forEach((layer, index) => {
        // Hugging Face's convention: the last layer is the one with the final norm applied.
        const source = offset + (layer === blocks ? blocks + 1 : layer) * d;
        const start = (row * count + index) * d;
        for (let i = 0; i < d; i++) {
          const value = from[source + i]! / divisor;
          if (!Number.isFinite(value)) throw new NonFiniteStates(`Layer ${layer} has a state that is not finite.`);
          target[start + i] = value;
        }
      });
    },
    finish() {
      const pools: Partial<Record<Pool, StateTensor>> = {};
      for (const [pool, values] of data) pools[pool] = { shape: [rows[pool] ?? 0, count, d], data: values };
      return { layers: capture.layers, pools };
    },
  };
}
