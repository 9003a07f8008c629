import { UserError } from '@sonde/base';
import type { OuterSplit } from '../../learner.ts';
import { type Problem, rowsIn } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from './solver.ts';

/** Errors of inner fits: for each outer split [penalties][columns], and how many rows they are over. */
export interface InnerErrors {
  /** Summed loss over inner test rows; Infinity where a fit is singular. */
  readonly errors: Float64Array[];
  readonly rows: number;
}

/**
 * Inner errors of every penalty and target column. A training set that several outer splits share is factorised once;
 * inner splits without a test row or with fewer than two training rows say nothing and are passed over.
 */
export async function innerErrors(
  solver: PenalisedSolver,
  problem: Problem,
  splits: readonly OuterSplit[],
  penalties: readonly number[],
  columns: readonly number[],
): Promise<InnerErrors[]> {
  const results = splits.map(() => ({
    errors: penalties.map(() => new Float64Array(columns.length)),
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
    const together = await set.fitAll?.(penalties, columns);
    for (const [p, penalty] of penalties.entries()) {
      const maps = together ? together[p]! : await set.fit(penalty, columns);
      const known = new Map<string, Float64Array | null>();
      for (const { outer, cells } of tests) {
        const key = cells.join();
        const errors = known.get(key) ?? (maps === null ? null : await solver.errors(maps, cells));
        known.set(key, errors);
        const sums = results[outer]!.errors[p]!;
        for (let t = 0; t < sums.length; t++) sums[t] = sums[t]! + (errors?.[t] ?? Number.POSITIVE_INFINITY);
      }
    }
  }
  return results;
}

/** Index of the penalty with the smallest error; the first on ties; null where every penalty is singular. */
export function leastError(penalties: number, errorOf: (p: number) => number): number | null {
  let chosen = 0;
  for (let p = 1; p < penalties; p++) if (errorOf(p) < errorOf(chosen)) chosen = p;
  return errorOf(chosen) === Number.POSITIVE_INFINITY ? null : chosen;
}

/**
 * Fits columns with a penalty each: a factor for each distinct penalty.
 *
 * @throws UserError where the system is singular
 */
export async function fitColumns(
  set: TrainingSet,
  columns: readonly number[],
  penalties: readonly number[],
): Promise<LinearMaps> {
  const count = columns.length;
  const intercepts = new Float64Array(count);
  let weights = new Float64Array(0);
  for (const penalty of new Set(penalties)) {
    const places = penalties.flatMap((other, place) => (other === penalty ? [place] : []));
    const wanted = places.map((place) => columns[place]!);
    const maps = await set.fit(penalty, wanted);
    if (maps === null) throw singular([penalty]);
    const d = maps.weights.length / wanted.length;
    if (weights.length === 0) weights = new Float64Array(d * count);
    for (const [t, place] of places.entries()) {
      intercepts[place] = maps.intercepts[t]!;
      for (let j = 0; j < d; j++) weights[j * count + place] = maps.weights[j * wanted.length + t]!;
    }
  }
  return { columns, weights, intercepts };
}

export function singular(penalties: readonly number[]): UserError {
  return new UserError(
    'argument',
    `The regression is singular at ${penalties.length === 1 ? 'penalty' : 'every penalty of'} ${penalties.join(', ')}; give a larger penalty.`,
  );
}
