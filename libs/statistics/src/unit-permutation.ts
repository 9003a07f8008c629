import { UserError } from '@sonde/base';
import { randomPermutation, randomStream, requireInteger, toUnitVector } from '@sonde/numerics';
import { LEAST_PAIRS, type Values } from './correlation.ts';
import { sidesGiven } from './partial.ts';

/** Up to this many orders every one is tried: 8! of eight units that are exchanged freely. */
const EXACT_ORDERS = 40_320;

/** Beyond, this many random orders are drawn. */
const DRAWN_ORDERS = 9_999;

export interface UnitPermutation {
  /** For each correlation by itself; null where it is undefined. */
  readonly pointwise: (number | null)[];
  /** Against the largest |r| over all correlations under each order: controls the family-wise error. */
  readonly family_wise: (number | null)[];
  /** Orders that were compared, that of the data included. */
  readonly orders: number;
  /** Whether these are all that there are. */
  readonly exact: boolean;
}

export interface UnitPermutationOptions {
  /** Seed of the orders that are drawn where there are too many to try. */
  readonly seed: number;
  /** For each unit, the block that it moves with: blocks of equal size change places. Each unit for itself by default. */
  readonly blocks?: readonly string[];
}

/** Both sides of a correlation, and the covariates that it is given. */
interface Pair {
  readonly x: Values;
  readonly y: Values;
  readonly given?: readonly Values[];
}

/**
 * Two-sided p-values of correlations over the same units, from exchanging the units on one side of all of them at once,
 * so that what the correlations share stays as it is. A missing value counts as the mean of its side. Of a correlation
 * `given` others, what these leave of one side changes places, and is freed of them anew under each order.
 *
 * Sources: Westfall & Young, "Resampling-Based Multiple Testing", 1993 (single-step maximum statistic); Freedman & Lane,
 * "A nonstochastic interpretation of reported significance levels", J. Business & Economic Statistics 1(4), 1983.
 * @param pairs lists of one length: a value for each unit
 * @throws UserError where lengths differ
 */
export function permuteUnits(pairs: readonly Pair[], { seed, blocks }: UnitPermutationOptions): UnitPermutation {
  const n = pairs[0]?.x.length ?? 0;
  if (n === 0) return { pointwise: [], family_wise: [], orders: 1, exact: true };
  for (const { x, y } of pairs) {
    if (x.length !== n || y.length !== n || (blocks ?? x).length !== n) {
      throw new UserError('argument', `Correlations over ${n} units have lists of ${x.length} and ${y.length} values.`);
    }
  }
  const sides = pairs.map(sidesOf);
  const tested = [...sides.keys()].filter((i) => sides[i] !== null);
  const identity = Uint32Array.from({ length: n }, (_, unit) => unit);
  const statistic = (i: number, order: Uint32Array): number => correlationUnder(sides[i]!, order);
  // Equal statistics computed in another order must count as ties.
  const thresholds = tested.map((i) => statistic(i, identity) - 1e-12);
  const alone = new Float64Array(tested.length);
  const largest = new Float64Array(tested.length);
  const { orders, exact } = ordersOf(blocks ?? Array.from(identity, String), seed);
  let count = 0;
  const found = new Float64Array(tested.length);
  for (const order of orders) {
    count++;
    let most = 0;
    for (const [j, i] of tested.entries()) {
      found[j] = statistic(i, order);
      most = Math.max(most, found[j]!);
    }
    for (const [j, threshold] of thresholds.entries()) {
      if (found[j]! >= threshold) alone[j] = alone[j]! + 1;
      if (most >= threshold) largest[j] = largest[j]! + 1;
    }
  }
  const spread = (counts: Float64Array): (number | null)[] => {
    const all = new Array<number | null>(pairs.length).fill(null);
    for (const [j, i] of tested.entries()) all[i] = counts[j]! / count;
    return all;
  };
  return { pointwise: spread(alone), family_wise: spread(largest), orders: count, exact };
}

interface Sides {
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** What the covariates span; empty without them. */
  readonly basis: readonly Float64Array[];
}

/** Null where the correlation is undefined. */
function sidesOf({ x, y, given = [] }: Pair): Sides | null {
  if (given.length === 0) {
    const [left, right] = [centred(x), centred(y)];
    return left === null || right === null ? null : { x: left, y: right, basis: [] };
  }
  const all = [x, y, ...given];
  const known = [...Array(x.length).keys()].filter((i) =>
    all.every((values) => Number.isFinite(values[i] ?? Number.NaN)),
  );
  const found = sidesGiven(all.map((values) => Float64Array.from(known, (i) => values[i]!)));
  if (typeof found === 'string') return null;
  const whole = (values: Float64Array): Float64Array => {
    const spread = new Float64Array(x.length);
    for (const [j, i] of known.entries()) spread[i] = values[j]!;
    return spread;
  };
  return { x: whole(found.x), y: whole(found.y), basis: found.basis.map(whole) };
}

/** |r|, or of what the covariates leave of the reordered side. */
function correlationUnder({ x, y, basis }: Sides, order: Uint32Array): number {
  const size = Math.abs(product(x, y, order));
  if (basis.length === 0) return size;
  const left = basis.reduce((rest, vector) => rest - product(vector, y, order) ** 2, 1);
  return left > 1e-12 ? Math.min(1, size / Math.sqrt(left)) : 0;
}

/** A side at mean 0 and length 1, missing values at 0; null where too few are known, or they do not vary. */
function centred(values: Values): Float64Array | null {
  const known = [...Array(values.length).keys()].filter((i) => Number.isFinite(values[i] ?? Number.NaN));
  const unit = Float64Array.from(known, (i) => values[i]!);
  if (known.length < LEAST_PAIRS || !toUnitVector(unit)) return null;
  const side = new Float64Array(values.length);
  for (const [j, i] of known.entries()) side[i] = unit[j]!;
  return side;
}

function product(x: Float64Array, y: Float64Array, order: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[order[i]!]!;
  return sum;
}

/** Every order of the blocks that leaves sizes in their places; a draw of them where they are too many. */
function ordersOf(blocks: readonly string[], seed: number): { orders: Iterable<Uint32Array>; exact: boolean } {
  requireInteger('seed', seed, 0);
  const members = new Map<string, number[]>();
  for (const [unit, block] of blocks.entries()) members.set(block, [...(members.get(block) ?? []), unit]);
  const bySize = new Map<number, number[][]>();
  for (const units of members.values()) bySize.set(units.length, [...(bySize.get(units.length) ?? []), units]);
  const classes = [...bySize.values()];
  let total = 1;
  for (const { length } of classes) for (let i = 2; i <= length; i++) total *= i;
  return total <= EXACT_ORDERS
    ? { orders: everyOrder(classes, blocks.length), exact: true }
    : { orders: drawnOrders(classes, blocks.length, seed), exact: false };
}

function* everyOrder(classes: readonly (readonly number[][])[], n: number): Generator<Uint32Array> {
  const order = new Uint32Array(n);
  const places = classes.flatMap((blocks) => blocks.map((own) => ({ own, blocks })));
  const used = new Set<readonly number[]>();
  function* place(at: number): Generator<Uint32Array> {
    const next = places[at];
    if (next === undefined) {
      yield order;
      return;
    }
    for (const block of next.blocks) {
      if (used.has(block)) continue;
      used.add(block);
      put(order, next.own, block);
      yield* place(at + 1);
      used.delete(block);
    }
  }
  yield* place(0);
}

/** The order of the data, then random ones. */
function* drawnOrders(classes: readonly (readonly number[][])[], n: number, seed: number): Generator<Uint32Array> {
  const stream = randomStream(seed, `unit-permutation/${n}`);
  const order = Uint32Array.from({ length: n }, (_, unit) => unit);
  yield order;
  for (let draw = 0; draw < DRAWN_ORDERS; draw++) {
    for (const blocks of classes) {
      const shuffled = randomPermutation(stream, blocks.length);
      for (const [i, own] of blocks.entries()) put(order, own, blocks[shuffled[i]!]!);
    }
    yield order;
  }
}

function put(order: Uint32Array, own: readonly number[], block: readonly number[]): void {
  for (const [i, unit] of own.entries()) order[unit] = block[i]!;
}
