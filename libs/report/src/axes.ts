import type { Domain, LayerAxis } from './specs.ts';

/** The axis of layers 0 to `last`, with at most about seven whole ticks. */
export function layerAxis(last: number, title = 'Layer'): LayerAxis {
  const top = Math.max(1, last);
  const step = [1, 2, 4, 5, 8, 10, 16, 20, 25, 50].find((size) => top / size <= 8) ?? Math.ceil(top / 8);
  const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
  return { title, domain: [0, top], ticks, format: 'd' };
}

export const DEPTH_AXIS: LayerAxis = {
  title: 'Relative depth',
  domain: [0, 1],
  ticks: [0, 0.25, 0.5, 0.75, 1],
  format: '.2~f',
};

/** The smallest range on steps of `step` that holds every value and what `least` says. */
export function domainOf(values: Iterable<number | null | undefined>, step: number, least: Domain): Domain {
  let [low, high] = least;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    low = Math.min(low, Math.floor(value / step + 1e-9) * step);
    high = Math.max(high, Math.ceil(value / step - 1e-9) * step);
  }
  return [round(low), round(high)];
}

/** A range with round ends for values of any size, zero included, and the distance of its ticks. */
export function roundDomain(values: readonly (number | null | undefined)[]): { domain: Domain; step: number } {
  const known = values.filter((value): value is number => value !== null && value !== undefined);
  const spread = Math.max(0, ...known) - Math.min(0, ...known);
  const step = spread > 0 ? niceStep(spread / 4) : 0.25;
  return { domain: domainOf(known, step, spread > 0 ? [0, 0] : [0, 1]), step };
}

function niceStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  const [factor = 10] = [1, 2, 5].filter((candidate) => candidate * power >= size * (1 - 1e-9));
  return factor * power;
}

function round(value: number): number {
  return Number(value.toPrecision(12));
}
