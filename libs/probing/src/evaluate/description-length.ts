import { UserError } from '@sonde/base';
import type { OpenLearner, OuterSplit } from '../learner.ts';
import { type Problem, rowCount, type States, stateShift } from '../rows.ts';
import { type Groups, rankGroups, rowsByGroup } from './folds.ts';

/** The cost of a residual: one loss for every code, so that their lengths can be compared. */
export const LOSSES = {
  /** −log density of a Gaussian of variance 1, in nats. */
  gaussian_unit_variance_nats: (r: number) => (r * r) / 2 + Math.log(2 * Math.PI) / 2,
  smooth_l1: (r: number) => (Math.abs(r) < 1 ? (r * r) / 2 : Math.abs(r) - 0.5),
  squared_error: (r: number) => r * r,
} as const;

export type Loss = keyof typeof LOSSES;

export interface DescriptionLength {
  readonly loss: Loss;
  /** Rows in the order they are coded: the first block ends before row `boundaries[0]`, and so on to n. */
  readonly boundaries: readonly number[];
  /** Every row coded by the middle of the scale. */
  readonly uniform: number;
  /** Every row coded by the mean of all: with `squared_error`, n times the variance. */
  readonly variance: number;
  /** The first block by the middle of the scale, each next one by the mean of the rows before it. */
  readonly mean: number;
  /** The same with a probe fitted on the rows before. */
  readonly online: number;
  readonly onlineBlocks: readonly number[];
  /** mean / online: above 1 where states tell more about the target than the mean of what was seen. */
  readonly compression: number | null;
}

export interface DescriptionOptions {
  /** [n, d]; only rows with a score. */
  readonly states: States;
  /** [n] */
  readonly target: Float64Array;
  readonly boundaries: readonly number[];
  readonly loss: Loss;
  /** The middle of the target's scale, which codes the first block; 0.5 for scores in [0, 1]. */
  readonly middle?: number;
  readonly open: OpenLearner;
}

/**
 * Description length of a target given states, by the online code: each block is coded with a probe fitted on the
 * rows before it. Voita and Titov 2020, "Information-theoretic probing with minimum description length".
 *
 * A learner that chooses a setting does so on the last block before the one it codes. Where it has too few rows to
 * fit, the block is coded by the mean of the rows before.
 *
 * @throws UserError where shapes disagree, boundaries do not ascend to n, or a state or target is no finite number
 */
export async function descriptionLength(options: DescriptionOptions): Promise<DescriptionLength> {
  const { target, boundaries, middle = 0.5 } = options;
  const n = rowCount(options.states);
  checkTarget(target, n);
  checkBoundaries(boundaries, n);
  const cost = LOSSES[options.loss];
  const { problem, splits } = blocksOf(options);
  // Of the shifted targets that probes are fitted on, so that a probe which is the mean has the very length of the mean's.
  const [values, shift] = [problem.targets, problem.targetShift[0]!];
  const code = (from: number, to: number, predict: (row: number) => number) => {
    let sum = 0;
    for (let row = from; row < to; row++) sum += cost(values[row]! - predict(row));
    return sum;
  };
  const meanBefore = (end: number) => {
    let sum = 0;
    for (let row = 0; row < end; row++) sum += values[row]!;
    return sum / end;
  };
  const learner = await options.open(problem, splits);
  const first = code(0, boundaries[0]!, () => middle - shift);
  const onlineBlocks = [first];
  let mean = first;
  for (const [k, split] of splits.entries()) {
    const [from, to] = [boundaries[k]!, boundaries[k + 1]!];
    const before = meanBefore(from);
    const byMean = code(from, to, () => before);
    mean += byMean;
    const probe = await learner.fit(k, [0]);
    if (probe === null) {
      onlineBlocks.push(byMean);
      continue;
    }
    const predicted = await learner.predict(probe, problem.cells[split.test[0]!]!, 1);
    onlineBlocks.push(code(from, to, (row) => predicted[row - from]!));
  }
  const online = onlineBlocks.reduce((sum, block) => sum + block, 0);
  const overall = meanBefore(n);
  return {
    loss: options.loss,
    boundaries,
    uniform: code(0, n, () => middle - shift),
    variance: code(0, n, () => overall),
    mean,
    online,
    onlineBlocks,
    compression: online > 0 && mean > 0 ? mean / online : null,
  };
}

/** Blocks as the cells of a problem, and for each block after the first the split that trains on those before it. */
function blocksOf({ states, target, boundaries }: DescriptionOptions): { problem: Problem; splits: OuterSplit[] } {
  const starts = [0, ...boundaries.slice(0, -1)];
  const cells = boundaries.map((end, k) => Int32Array.from({ length: end - starts[k]! }, (_, i) => starts[k]! + i));
  const mean = target.reduce((sum, value) => sum + value / target.length, 0);
  const before = (k: number) => Array.from({ length: k }, (_, cell) => cell);
  const splits = cells.slice(1).map((_, i) => ({
    train: before(i + 1),
    test: [i + 1],
    inner: i === 0 ? [] : [{ train: before(i), test: [i] }],
  }));
  const problem = {
    states,
    shift: stateShift(states),
    cells,
    targets: target.map((value) => value - mean),
    columns: 1,
    targetShift: Float64Array.of(mean),
    leading: 1,
    tunedOn: [[0]],
  };
  return { problem, splits };
}

/** Ends of blocks of 1/1024, 1/512, … 1/2 and all of n rows; those that would hold no further row are left out. */
export function halvingBoundaries(n: number): number[] {
  const ends = Array.from({ length: 11 }, (_, i) => Math.floor(n / 2 ** (10 - i)));
  return [...new Set(ends)].filter((end) => end > 0);
}

/** Rows in the order to be coded: groups by a hash of (seed, group), a group's rows together. */
export function codingOrder(groups: Groups, seed: number): Int32Array {
  const rows = rowsByGroup(groups);
  return Int32Array.from(rankGroups(rows.keys(), seed).flatMap((group) => rows.get(group)!));
}

function checkTarget(target: Float64Array, n: number): void {
  if (target.length !== n) {
    throw new UserError('argument', `The target has ${target.length} values for ${n} states; give one a row.`);
  }
  const row = target.findIndex((value) => !Number.isFinite(value));
  if (row !== -1) {
    throw new UserError(
      'argument',
      `The target is ${target[row]} in row ${row}; only rows with a number can be coded: leave the others out.`,
    );
  }
}

function checkBoundaries(boundaries: readonly number[], n: number): void {
  const ascending = boundaries.every((end, k) => Number.isInteger(end) && end > (boundaries[k - 1] ?? 0));
  if (boundaries.length === 0 || !ascending || boundaries.at(-1) !== n) {
    throw new UserError(
      'argument',
      `The block boundaries are ${boundaries.join(', ')}; give ascending row numbers that end with ${n}, the number of rows.`,
    );
  }
}
