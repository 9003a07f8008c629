import { UserError } from '@sonde/base';
import type { Resamples } from './bootstrap.ts';
import { LEAST_PAIRS } from './correlation.ts';

/** Values of units in each of B resamples of what they were measured on: [B][units], NaN where undefined. */
export type ResampledValues = readonly (readonly number[])[];

/**
 * Pearson's correlation over units in each resample: [B], NaN where it is undefined. Without `units` the units stay and
 * only what they were measured on (prompts) is resampled; with it units are drawn as well, whole blocks of them at a
 * time: both sources of chance at once.
 *
 * @param x [B][units]; of one row where nothing but the units is resampled
 * @param units B resamples of the blocks
 * @param blocks for each unit, its block; each is one by default
 */
export function bootstrapCorrelations(
  x: ResampledValues,
  y: ResampledValues,
  { units, blocks }: { readonly units?: Resamples; readonly blocks?: readonly string[] } = {},
): Float64Array {
  const n = x[0]?.length ?? 0;
  const count = Math.max(x.length, units?.count ?? 0);
  const members = blocksOf(blocks ?? Array.from({ length: n }, (_, unit) => String(unit)));
  if (units !== undefined && units.units !== members.length) {
    throw new UserError('argument', `Resamples are of ${units.units} units, the correlation of ${members.length}.`);
  }
  const everyUnit = Array.from({ length: n }, (_, unit) => unit);
  return Float64Array.from({ length: count }, (_, b) => {
    const drawn =
      units === undefined
        ? everyUnit
        : Array.from(
            units.indices.subarray(b * members.length, (b + 1) * members.length),
            (block) => members[block]!,
          ).flat();
    return correlation(x[x.length === 1 ? 0 : b]!, y[y.length === 1 ? 0 : b]!, drawn);
  });
}

function blocksOf(blocks: readonly string[]): number[][] {
  const members = new Map<string, number[]>();
  for (const [unit, block] of blocks.entries()) members.set(block, [...(members.get(block) ?? []), unit]);
  return [...members.values()];
}

/** Of the drawn units that have both values; NaN where these are too few, or one side does not vary. */
function correlation(x: readonly number[], y: readonly number[], drawn: readonly number[]): number {
  const used = drawn.filter((unit) => !Number.isNaN(x[unit]!) && !Number.isNaN(y[unit]!));
  if (used.length < LEAST_PAIRS) return Number.NaN;
  const [meanX, meanY] = [mean(x, used), mean(y, used)];
  let [xx, yy, xy] = [0, 0, 0];
  for (const unit of used) {
    const [a, b] = [x[unit]! - meanX, y[unit]! - meanY];
    xx += a * a;
    yy += b * b;
    xy += a * b;
  }
  // Equal values differ from their mean by rounding alone.
  const least = 1e-24;
  return xx <= least || yy <= least ? Number.NaN : Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
}

function mean(values: readonly number[], units: readonly number[]): number {
  return units.reduce((sum, unit) => sum + values[unit]!, 0) / units.length;
}
