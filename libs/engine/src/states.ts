import { UserError } from '@sonde/base';
import { type CaptureSite, type PoolLayout, siteShape, siteSize, type TrunkSizes } from '@sonde/networks';
import type { Capture } from './options.ts';
import type { CapturedStates, Pool, SiteStates, StateTensor } from './types.ts';

/** Where pooled states of sequences are gathered while they are computed. */
export interface StateCollector {
  /**
   * Writes a row of a pool.
   * @param from the engine's pooled numbers, by its layout, at `offset`
   * @param divisor what a sum is divided by to give a mean
   * @throws NonFiniteStates
   */
  write(pool: Pool, row: number, from: Float32Array, offset: number, divisor: number): void;
  /** The states of one token, in arrays that the next call overwrites. @throws NonFiniteStates */
  ofToken(from: Float32Array, offset: number): Partial<Record<CaptureSite, Float32Array>>;
  finish(): CapturedStates;
}

/** A state that is not a number or infinite; caught where its cause can be found. */
export class NonFiniteStates extends UserError {
  constructor(message: string) {
    super('model', message);
  }
}

/** @param rows number of rows of each pool */
export function collectStates(
  sizes: TrunkSizes,
  layout: PoolLayout,
  capture: Capture,
  rows: Partial<Record<Pool, number>>,
): StateCollector {
  const sites = capture.sites.map(({ site, layers }) => {
    const size = siteSize(sizes, site);
    const pools = new Map<Pool, Float32Array>();
    for (const pool of capture.pools) pools.set(pool, new Float32Array((rows[pool] ?? 0) * layers.length * size));
    const offsets = layers.map((layer) => layout.find(site, layer).offset);
    const token = new Float32Array(capture.tokens ? layers.length * size : 0);
    return { site, layers, size, offsets, pools, token };
  });

  const copy = (
    { layers, size, offsets }: (typeof sites)[number],
    to: Float32Array,
    row: number,
    from: Float32Array,
    offset: number,
    divisor: number,
  ): void => {
    offsets.forEach((at, index) => {
      const source = offset + at;
      const start = (row * layers.length + index) * size;
      for (let i = 0; i < size; i++) {
        const value = from[source + i]! / divisor;
        if (!Number.isFinite(value))
          throw new NonFiniteStates(`Layer ${layers[index]} has a state that is not finite.`);
        to[start + i] = value;
      }
    });
  };

  return {
    write(pool, row, from, offset, divisor) {
      for (const each of sites) copy(each, each.pools.get(pool)!, row, from, offset, divisor);
    },
    ofToken(from, offset) {
      for (const each of sites) copy(each, each.token, 0, from, offset, 1);
      return Object.fromEntries(sites.map(({ site, token }) => [site, token]));
    },
    finish() {
      const found: Partial<Record<CaptureSite, SiteStates>> = {};
      for (const { site, layers, pools } of sites) {
        const rowShape = [layers.length, ...siteShape(sizes, site)];
        const tensors: Partial<Record<Pool, StateTensor>> = {};
        for (const [pool, data] of pools) tensors[pool] = { shape: [rows[pool] ?? 0, ...rowShape], data };
        found[site] = { layers, rowShape, pools: tensors };
      }
      return found;
    },
  };
}
