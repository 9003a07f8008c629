import { UserError } from '@sonde/base';

/** A p-value, or null where the test was undefined; nulls do not count as tests. */
export type PValues = readonly (number | null)[];

/** Benjamini and Hochberg (1995): p-values adjusted to control the false discovery rate of independent tests. */
export function benjaminiHochberg(p: PValues): (number | null)[] {
  return stepUp(p, () => 1);
}

/** Benjamini and Yekutieli (2001): p-values adjusted to control the false discovery rate under any dependence. */
export function benjaminiYekutieli(p: PValues): (number | null)[] {
  return stepUp(p, (m) => {
    let harmonic = 0;
    for (let i = 1; i <= m; i++) harmonic += 1 / i;
    return harmonic;
  });
}

/** Holm (1979): p-values adjusted to control the family-wise error rate under any dependence. */
export function holm(p: PValues): (number | null)[] {
  const adjusted: (number | null)[] = p.map(() => null);
  const order = ascending(p);
  let running = 0;
  for (const [rank, index] of order.entries()) {
    running = Math.max(running, Math.min(1, (order.length - rank) * p[index]!));
    adjusted[index] = running;
  }
  return adjusted;
}

function stepUp(p: PValues, factor: (tests: number) => number): (number | null)[] {
  const adjusted: (number | null)[] = p.map(() => null);
  const order = ascending(p);
  const scale = factor(order.length);
  let running = 1;
  for (let rank = order.length; rank >= 1; rank--) {
    const index = order[rank - 1]!;
    running = Math.min(running, ((p[index]! * order.length) / rank) * scale);
    adjusted[index] = running;
  }
  return adjusted;
}

/** Indices of the defined p-values, smallest first. */
function ascending(p: PValues): number[] {
  const defined: number[] = [];
  for (const [index, value] of p.entries()) {
    if (value === null) continue;
    if (!(value >= 0 && value <= 1)) {
      throw new UserError('argument', `p-value ${index} is ${value}; give a number from 0 to 1, or null.`);
    }
    defined.push(index);
  }
  return defined.sort((a, b) => p[a]! - p[b]!);
}
