import { UserError } from '@sonde/base';

/**
 * Quantile of sorted values with linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the
 * default of NumPy and R).
 *
 * @param sorted ascending, without NaN
 * @param level 0 ≤ level ≤ 1
 */
export function quantile(sorted: ArrayLike<number>, level: number): number {
  if (sorted.length === 0)
    throw new UserError('argument', 'A quantile of no values is undefined; give at least one value.');
  if (!(level >= 0 && level <= 1))
    throw new UserError('argument', `Quantile level is ${level}; give a number from 0 to 1.`);
  const position = level * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  const share = position - below;
  return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}
