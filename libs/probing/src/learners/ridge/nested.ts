import { UserError } from '@sonde/base';
import { type LinearMaps, type Problem, rowsIn } from '../../rows.ts';
import type { RidgeSolver, TrainingSet } from './ridge.ts';

/** A training and a test set, as cells. */
export interface Split {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

export interface OuterSplit extends Split {
  /** Divide `train`; they choose the penalty. */
  readonly inner: readonly Split[];
}

/** Outer folds are the cells; the inner folds of an outer fold are the other outer folds. */
export function splitsOfFolds(folds: number): OuterSplit[] {
  const all = Array.from({ length: folds }, (_, fold) => fold);
  return all.map((fold) => {
    const train = all.filter((other) => other !== fold);
    const inner = train.map((test) => ({ train: train.filter((other) => other !== test), test: [test] }));
    return { train, test: [fold], inner };
  });
}

/** Squared errors of inner fits: for each outer split [penalties][columns], and how many rows they are over. */
export interface InnerErrors {
  /** Σ(y − ŷ)² over inner test rows; Infinity where a fit is singular. */
  readonly squaredErrors: Float64Array[];
  readonly rows: number;
}

/**
 * Inner errors of every penalty and target column. A training set that several outer splits share is factorised once;
 * inner splits without a test row or with fewer than two training rows say nothing and are passed over.
 */
export async function innerErrors(
  solver: RidgeSolver,
  problem: Problem,
  splits: readonly OuterSplit[],
  penalties: readonly number[],
  columns: readonly number[],
): Promise<InnerErrors[]> {
  const results = splits.map(() => ({
    squaredErrors: penalties.map(() => new Float64Array(columns.length)),
    rows: 0,
  }));
  const uses = new Map<string, { train: readonly number[]; tests: { outer: number; cells: readonly number[] }[] }>();
  for (const [outer, split] of splits.entries()) {
    for (const { train, test } of split.inner) {
      if (rowsIn(problem, train) < 2 || rowsIn(problem, test) === 0) continue;
      results[outer]!.rows += rowsIn(problem, test);
      const key = [...train].sort((a, b) => a - b).join();
      const use = uses.get(key) ?? { train, tests: [] };
      use.tests.push({ outer, cells: test });
      uses.set(key, use);
    }
  }
  for (const { train, tests } of uses.values()) {
    const set = await solver.trainingSet(train);
    for (const [p, penalty] of penalties.entries()) {
      const maps = await set.fit(penalty, columns);
      for (const { outer, cells } of tests) {
        const errors = maps === null ? null : await solver.squaredErrors(maps, cells);
        const sums = results[outer]!.squaredErrors[p]!;
        for (let t = 0; t < sums.length; t++) sums[t] = sums[t]! + (errors?.[t] ?? Number.POSITIVE_INFINITY);
      }
    }
  }
  return results;
}

/** `target`: each target has its own penalty; `shared`: one for all, by the mean of their inner errors. */
export type PenaltyChoice = 'target' | 'shared';

/**
 * Index of the penalty with the smallest inner error, for each column; the first on ties.
 *
 * @throws UserError where every penalty makes the system singular
 */
export function choosePenalties(
  errors: readonly Float64Array[],
  choice: PenaltyChoice,
  penalties: readonly number[],
): number[] {
  const columns = errors[0]!.length;
  const best = (errorOf: (p: number) => number): number => {
    let chosen = 0;
    for (let p = 1; p < errors.length; p++) if (errorOf(p) < errorOf(chosen)) chosen = p;
    if (errorOf(chosen) === Number.POSITIVE_INFINITY) throw singular(penalties);
    return chosen;
  };
  if (choice === 'shared') {
    const chosen = best((p) => errors[p]!.reduce((sum, value) => sum + value, 0));
    return new Array<number>(columns).fill(chosen);
  }
  return Array.from({ length: columns }, (_, t) => best((p) => errors[p]![t]!));
}

/** Fits every column with its own penalty: a factor for each distinct penalty. `penalties` has one a column. */
export async function fitColumns(set: TrainingSet, penalties: readonly number[]): Promise<LinearMaps> {
  const count = penalties.length;
  const intercepts = new Float64Array(count);
  let weights = new Float64Array(0);
  for (const penalty of new Set(penalties)) {
    const columns = penalties.flatMap((other, column) => (other === penalty ? [column] : []));
    const maps = await set.fit(penalty, columns);
    if (maps === null) throw singular([penalty]);
    const d = maps.weights.length / columns.length;
    if (weights.length === 0) weights = new Float64Array(d * count);
    for (const [t, column] of columns.entries()) {
      intercepts[column] = maps.intercepts[t]!;
      for (let j = 0; j < d; j++) weights[j * count + column] = maps.weights[j * columns.length + t]!;
    }
  }
  return { columns: penalties.map((_, column) => column), weights, intercepts };
}

function singular(penalties: readonly number[]): UserError {
  return new UserError(
    'argument',
    `The regression is singular at ${penalties.length === 1 ? 'penalty' : 'every penalty of'} ${penalties.join(', ')}; give a larger penalty.`,
  );
}
