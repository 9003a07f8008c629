import { groupBy, UserError } from '@sonde/base';
import { pearson, type Values } from './correlation.ts';

/** A correlation without the units of one group. */
export interface LeftOut {
  readonly group: string;
  /** Null where it is undefined without them. */
  readonly r: number | null;
}

/**
 * Pearson's correlation with each group of units left out in turn: how far it hangs on one family, or on one unit.
 *
 * @param groups for each unit, the group that it belongs to
 * @throws UserError where lengths differ
 */
export function leaveGroupsOut(x: Values, y: Values, groups: readonly string[]): LeftOut[] {
  if (groups.length !== x.length) {
    throw new UserError('argument', `There are ${x.length} units and groups of ${groups.length}; give one a unit.`);
  }
  return [...new Set(groups)].map((group) => {
    const kept = [...groups.keys()].filter((unit) => groups[unit] !== group);
    return { group, r: pearson(pick(x, kept), pick(y, kept)).r };
  });
}

/** The correlation within each group of units, and how many have both values. */
export function withinGroups(
  x: Values,
  y: Values,
  groups: readonly string[],
): { readonly group: string; readonly r: number | null; readonly n: number }[] {
  return [...groupBy(groups.keys(), (unit) => groups[unit]!)].map(([group, units]) => {
    const { r, n } = pearson(pick(x, units), pick(y, units));
    return { group, r, n };
  });
}

function pick(values: Values, units: readonly number[]): (number | null)[] {
  return units.map((unit) => values[unit] ?? null);
}
