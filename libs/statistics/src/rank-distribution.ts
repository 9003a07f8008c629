/** Up to this many pairs a rank correlation's p counts all n! orders. */
export const EXACT_PAIRS = 9;

/** How a statistic of two rankings grows when item `i` of x is given the place `j` of y, after `placed`: places by item. */
type Growth = (i: number, j: number, placed: readonly number[]) => number;

const distributions = new Map<string, ReadonlyMap<number, number>>();

/**
 * The permutation distribution of a statistic of two rankings of n ≤ 9 items: its value → share of the n! orders of y.
 * Depends on the ranks alone, ties included, so each pattern is counted once.
 */
export function permutationDistribution(
  statistic: string,
  x: readonly number[],
  y: readonly number[],
  growth: Growth,
): ReadonlyMap<number, number> {
  const pattern = `${statistic} ${[...x].sort((a, b) => a - b)} / ${[...y].sort((a, b) => a - b)}`;
  const known = distributions.get(pattern);
  if (known !== undefined) return known;
  const counts = new Map<number, number>();
  const placed: number[] = [];
  const used = new Array<boolean>(y.length).fill(false);
  const place = (i: number, value: number): void => {
    if (i === x.length) {
      counts.set(value, (counts.get(value) ?? 0) + 1);
      return;
    }
    for (let j = 0; j < y.length; j++) {
      if (used[j]) continue;
      used[j] = true;
      const next = value + growth(i, j, placed);
      placed.push(j);
      place(i + 1, next);
      placed.pop();
      used[j] = false;
    }
  };
  place(0, 0);
  let orders = 0;
  for (const count of counts.values()) orders += count;
  const shares = new Map([...counts].map(([value, count]) => [value, count / orders] as const));
  distributions.set(pattern, shares);
  return shares;
}

/** Share of the orders whose statistic lies as far from `centre` as `observed` does, or farther. */
export function twoSidedShare(distribution: ReadonlyMap<number, number>, observed: number, centre: number): number {
  let share = 0;
  for (const [value, part] of distribution) {
    if (Math.abs(value - centre) >= Math.abs(observed - centre) - 1e-9) share += part;
  }
  return Math.min(1, share);
}

/**
 * The smallest two-sided p that a rank correlation of n pairs without ties can reach: 2 / n!, of the two orders that
 * agree or disagree throughout.
 */
export function smallestRankP(pairs: number): number {
  let orders = 1;
  for (let i = 2; i <= pairs; i++) orders *= i;
  return Math.min(1, 2 / orders);
}
