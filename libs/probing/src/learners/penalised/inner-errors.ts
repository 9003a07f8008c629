import { groupBy, UserError } from '@sonde/base';
import type { OuterSplit } from '../../learner.ts';
import { type Progress, UNTOLD } from '../../progress.ts';
import { type Problem, rowsIn } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from './solver.ts';

/** Errors of inner fits: for each outer split [penalties][columns], and how many rows they are over. */
export interface InnerErrors {
  /** Summed loss over inner test rows; Infinity where a fit is singular. */
  readonly errors: Float64Array[];
  readonly rows: number;
}

/** A training set, and the cells that each outer split that uses it tests on. */
interface Use {
  readonly train: readonly number[];
  readonly tests: { readonly outer: number; readonly cells: readonly number[] }[];
}

/** Training sets that outer splits share come once; inner splits without a test row or with fewer than two training rows say nothing and are passed over. */
function usesOf(problem: Problem, splits: readonly OuterSplit[]): { uses: Use[]; rows: number[] } {
  const rows = splits.map(() => 0);
  const uses = new Map<string, Use>();
  for (const [outer, split] of splits.entries()) {
    for (const { train, test } of split.inner) {
      if (rowsIn(problem, train) < 2 || rowsIn(problem, test) === 0) continue;
      rows[outer] = rows[outer]! + rowsIn(problem, test);
      const key = [...train].sort((a, b) => a - b).join();
      const use = uses.get(key) ?? { train, tests: [] };
      use.tests.push({ outer, cells: test });
      uses.set(key, use);
    }
  }
  return { uses: [...uses.values()], rows };
}

/** Adds a fit's errors on the cells of each test to those of its outer split; a test that several share is computed once. */
async function addErrors(
  solver: PenalisedSolver,
  maps: LinearMaps | null,
  tests: Use['tests'],
  into: (outer: number, errors: Float64Array | null) => void,
): Promise<void> {
  const known = new Map<string, Float64Array | null>();
  for (const { outer, cells } of tests) {
    const key = cells.join();
    const errors = known.get(key) ?? (maps === null ? null : await solver.errors(maps, cells));
    known.set(key, errors);
    into(outer, errors);
  }
}

/** Inner errors of every penalty and target column. A training set that several outer splits share is factorised once. */
export async function innerErrors(
  solver: PenalisedSolver,
  problem: Problem,
  splits: readonly OuterSplit[],
  penalties: readonly number[],
  columns: readonly number[],
  progress: Progress = UNTOLD,
): Promise<InnerErrors[]> {
  const { uses, rows } = usesOf(problem, splits);
  const results = rows.map((of) => ({ errors: penalties.map(() => new Float64Array(columns.length)), rows: of }));
  for (const [u, { train, tests }] of uses.entries()) {
    const set = await solver.trainingSet(train);
    const together = await set.fitAll?.(penalties, columns);
    for (const [p, penalty] of penalties.entries()) {
      const maps = together ? together[p]! : await set.fit(penalty, columns);
      await addErrors(solver, maps, tests, (outer, errors) => {
        const sums = results[outer]!.errors[p]!;
        for (let t = 0; t < sums.length; t++) sums[t] = sums[t]! + (errors?.[t] ?? Number.POSITIVE_INFINITY);
      });
      progress((u + (p + 1) / penalties.length) / uses.length);
    }
  }
  return results;
}

/** So many rises in a row, from a penalty to the next smaller one, end a column's search. */
const RISES = 2;
/** A rise of less than this share is rounding, of errors to float32's precision. */
const LEVEL = 1e-6;

/** What a split knows of its columns while penalties fall. */
interface Descent {
  /** Places among the columns that are still searched. */
  active: number[];
  readonly best: Float64Array;
  readonly rises: Uint8Array;
}

/**
 * The same to float32's precision, from the largest penalty down, in each split for each column until its errors have risen twice in a row:
 * smaller penalties are Infinity then. Targets without signal, as permuted ones are, have their least error at or near
 * the top, so that most of the fits need not be made.
 */
export async function descendingErrors(
  solver: PenalisedSolver,
  problem: Problem,
  splits: readonly OuterSplit[],
  penalties: readonly number[],
  columns: readonly number[],
  progress: Progress,
): Promise<InnerErrors[]> {
  const { uses, rows } = usesOf(problem, splits);
  const none = () => new Float64Array(columns.length).fill(Number.POSITIVE_INFINITY);
  const results = rows.map((of) => ({ errors: penalties.map(none), rows: of }));
  const descents = rows.map((of): Descent => {
    return { active: of === 0 ? [] : [...columns.keys()], best: none(), rises: new Uint8Array(columns.length) };
  });
  const descending = [...penalties.keys()].sort((a, b) => penalties[b]! - penalties[a]!);
  // No search ends before so many rises: the largest penalties are tried at once.
  const steps = [descending.slice(0, RISES + 1), ...descending.slice(RISES + 1).map((p) => [p])];
  let tried = 0;
  for (const step of steps) {
    for (const [outer, { active }] of descents.entries()) {
      for (const p of step) for (const t of active) results[outer]!.errors[p]![t] = 0;
    }
    for (const [u, { train, tests }] of uses.entries()) {
      progress((tried + (step.length * u) / uses.length) / penalties.length);
      const searched = tests.filter(({ outer }) => descents[outer]!.active.length > 0);
      const places = [...new Set(searched.flatMap(({ outer }) => descents[outer]!.active))].sort((a, b) => a - b);
      if (places.length === 0) continue;
      const wanted = places.map((place) => columns[place]!);
      const errors = await errorsAt(
        solver,
        train,
        step.map((p) => penalties[p]!),
        wanted,
        searched,
      );
      const at = new Map(places.map((place, t) => [place, t]));
      for (const [e, p] of step.entries()) {
        for (const [i, { outer }] of searched.entries()) {
          const sums = results[outer]!.errors[p]!;
          for (const place of descents[outer]!.active) sums[place]! += errors[e]![i]![at.get(place)!]!;
        }
      }
    }
    for (const [outer, descent] of descents.entries()) {
      for (const p of step) descend(descent, results[outer]!.errors[p]!);
    }
    tried += step.length;
  }
  return results;
}

/** Errors of columns fitted at some penalties, [penalties][tests][columns]; Infinity where the fit is singular. */
async function errorsAt(
  solver: PenalisedSolver,
  train: readonly number[],
  penalties: readonly number[],
  columns: readonly number[],
  tests: Use['tests'],
): Promise<Float64Array[][]> {
  const cells = tests.map((test) => test.cells);
  const rough = await solver.roughErrors?.(train, penalties, columns, cells);
  const errors: Float64Array[][] = [];
  let set: TrainingSet | undefined;
  for (const [p, penalty] of penalties.entries()) {
    const known = rough?.[p];
    if (!known) set ??= await solver.trainingSet(train);
    errors.push(known ?? (await exactErrors(solver, set!, penalty, columns, cells)));
  }
  return errors;
}

async function exactErrors(
  solver: PenalisedSolver,
  set: TrainingSet,
  penalty: number,
  columns: readonly number[],
  tests: readonly (readonly number[])[],
): Promise<Float64Array[]> {
  const maps = await set.fit(penalty, columns);
  const errors: Float64Array[] = [];
  for (const cells of tests) {
    errors.push(
      maps ? await solver.errors(maps, cells) : new Float64Array(columns.length).fill(Number.POSITIVE_INFINITY),
    );
  }
  return errors;
}

/** Leaves out of the search the columns whose errors have now risen often enough. */
function descend(descent: Descent, errors: Float64Array): void {
  const { best, rises } = descent;
  descent.active = descent.active.filter((place) => {
    const error = errors[place]!;
    rises[place] = error > best[place]! * (1 + LEVEL) ? rises[place]! + 1 : 0;
    best[place] = Math.min(best[place]!, error);
    return rises[place]! < RISES;
  });
}

/** Index of the penalty with the smallest error; the first on ties; null where every penalty is singular. */
export function leastError(penalties: number, errorOf: (p: number) => number): number | null {
  let chosen = 0;
  for (let p = 1; p < penalties; p++) if (errorOf(p) < errorOf(chosen)) chosen = p;
  return errorOf(chosen) === Number.POSITIVE_INFINITY ? null : chosen;
}

/** The places at which each distinct penalty stands. */
export function placesByPenalty(penalties: readonly number[]): Map<number, number[]> {
  return groupBy(penalties.keys(), (place) => penalties[place]!);
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
  for (const [penalty, places] of placesByPenalty(penalties)) {
    const wanted = places.map((place) => columns[place]!);
    const maps = await set.fit(penalty, wanted);
    if (maps === null) throw singular([penalty]);
    const d = maps.weights.length / wanted.length;
    if (weights.length === 0) weights = new Float64Array(d * count);
    for (const [t, place] of places.entries()) intercepts[place] = maps.intercepts[t]!;
    for (let j = 0, at = 0; j < d; j++) {
      for (let t = 0; t < places.length; t++, at++) weights[j * count + places[t]!] = maps.weights[at]!;
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
