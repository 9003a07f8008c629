import type { RunContext } from '@sonde/executor';
import { LEAST_PAIRS, smallestRankP, type UnitPermutation } from '@sonde/statistics';
import type { Units } from './units.ts';

/** Says what so few units can show at all. */
export function sayLimits<Member>(
  { axis, units }: Units<Member>,
  permuted: UnitPermutation,
  log: RunContext['log'],
): void {
  const n = units.length;
  const many = n === 1 ? `1 ${axis}` : `${n} ${axis}s`;
  if (n < LEAST_PAIRS) {
    log('warning', `nothing is correlated over ${many}: a correlation takes ${LEAST_PAIRS} or more`);
    return;
  }
  if (smallestRankP(n) > 0.05) {
    log('warning', `with ${many} no rank correlation can reach 0.05: the smallest p is ${smallestRankP(n).toFixed(3)}`);
  }
  const families = new Set(units.map(({ family }) => family));
  if (units[0]?.family !== undefined && permuted.exact && 1 / permuted.orders > 0.05) {
    log(
      'warning',
      `${families.size} families of ${many} can change places in ${permuted.orders} orders only: no p by permutation is below ${(1 / permuted.orders).toFixed(3)} (families of equal size change places)`,
    );
  }
}
