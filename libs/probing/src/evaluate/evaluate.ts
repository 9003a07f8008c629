import type { Gemm } from '../algebra/gemm.ts';
import { dualSolver } from '../learners/ridge/dual.ts';
import {
  choosePenalties,
  fitColumns,
  innerErrors,
  type PenaltyChoice,
  splitsOfFolds,
} from '../learners/ridge/nested.ts';
import { primalSolver } from '../learners/ridge/primal.ts';
import type { RidgeSolver } from '../learners/ridge/ridge.ts';
import { gatherTargets, type Problem, predict, rowsIn, type States } from '../rows.ts';
import type { Groups } from './folds.ts';
import { type HeldOutScore, scorePredictions } from './metrics.ts';
import { controlSources } from './permutations.ts';
import type { ProbeFold, ProbeMap, ProbeResult, ProbeTarget } from './result.ts';

/** Targets that have scores for the same rows. */
export interface SharedTargets {
  readonly gemm: Gemm;
  readonly states: States;
  readonly shift: Float64Array;
  readonly targets: readonly ProbeTarget[];
  /** Rows with scores, ascending. */
  readonly rows: Int32Array;
  readonly groups: Groups;
  readonly folds: Int32Array;
  readonly foldCount: number;
  readonly penalties: readonly number[];
  readonly penaltyChoice: PenaltyChoice;
  readonly scale: boolean;
  readonly permutations: number;
  readonly seed: number;
}

/** Nested cross-validation, control task and refit of targets that share their rows. */
export async function probeTargets(shared: SharedTargets): Promise<ProbeResult[]> {
  const { gemm, targets, rows, folds, foldCount, penalties } = shared;
  const problem = problemOf(shared);
  const solver: RidgeSolver =
    rows.length < shared.states.d
      ? dualSolver(gemm, problem, shared.scale)
      : await primalSolver(gemm, problem, shared.scale);
  const splits = splitsOfFolds(foldCount);
  const real = targets.map((_, t) => t);
  const single = penalties.length === 1;
  const inner = single ? [] : await innerErrors(solver, problem, splits, penalties, real);

  const foldsOf: ProbeFold[][] = targets.map(() => []);
  const predictions: (Float64Array | null)[] = targets.map(() => new Float64Array(folds.length));
  for (const [fold, split] of splits.entries()) {
    const held = problem.cells[fold]!;
    if (rowsIn(problem, split.train) < 2 || (!single && inner[fold]!.rows === 0)) {
      for (const t of real) {
        foldsOf[t]!.push(unfittedFold(fold, held.length));
        predictions[t] = null;
      }
      continue;
    }
    const chosen = single
      ? real.map(() => 0)
      : choosePenalties(inner[fold]!.squaredErrors, shared.penaltyChoice, penalties);
    const columnPenalties = penaltiesOfColumns(shared, chosen);
    const maps = await fitColumns(await solver.trainingSet(split.train), columnPenalties);
    const all = Int32Array.from(folds.keys()).filter((row) => folds[row] === fold);
    const predicted = await predict(gemm, problem, maps, all);
    const scores = scoreColumns(problem, all, held, predicted);
    for (const t of real) {
      const target = predictions[t];
      for (let r = 0; target && r < all.length; r++) {
        target[all[r]!] = predicted[r * problem.columns + t]! + problem.targetShift[t]!;
      }
      foldsOf[t]!.push(foldResult(shared, t, fold, held.length, columnPenalties[t]!, scores));
    }
  }
  const refits = await refitAll(shared, problem, solver, inner);
  return targets.map(({ scenario, name }, t) => ({
    scenario,
    target: name,
    n: rows.length,
    missing: folds.length - rows.length,
    folds: foldsOf[t]!,
    predictions: predictions[t]!,
    refit: refits?.[t] ?? null,
  }));
}

/** Columns of the problem: the targets, then for each target its control permutations. */
function problemOf(shared: SharedTargets): Problem {
  const { states, shift, targets, rows, groups, folds, foldCount, permutations } = shared;
  const n = folds.length;
  const columns = targets.length * (1 + permutations);
  const values = new Float64Array(n * columns);
  const targetShift = new Float64Array(columns);
  const sources = controlSources(groups, rows, permutations, shared.seed);
  for (const [t, { values: scores }] of targets.entries()) {
    let mean = 0;
    const first = scores[rows[0] ?? 0]!;
    for (const row of rows) mean += (scores[row]! - first) / rows.length;
    const shiftOf = rows.length === 0 ? 0 : first + mean;
    targetShift[t] = shiftOf;
    const control = controlColumn(shared, t, 0);
    targetShift.fill(shiftOf, control, control + permutations);
    for (const row of rows) values[row * columns + t] = scores[row]! - shiftOf;
    for (let p = 0; p < permutations; p++) {
      const source = sources[p]!;
      for (const row of rows) values[row * columns + control + p] = scores[source[row]!]! - shiftOf;
    }
  }
  const cells = Array.from({ length: foldCount }, (_, fold) => rows.filter((row) => folds[row] === fold));
  return { states, shift, cells, targets: values, columns, targetShift };
}

function controlColumn(shared: SharedTargets, target: number, permutation: number): number {
  return shared.targets.length + target * shared.permutations + permutation;
}

/** The penalty of every column: a control task has its target's. */
function penaltiesOfColumns(shared: SharedTargets, chosen: readonly number[]): number[] {
  const ofTargets = chosen.map((p) => shared.penalties[p]!);
  return [...ofTargets, ...ofTargets.flatMap((penalty) => new Array<number>(shared.permutations).fill(penalty))];
}

/** Held-out scores of every column, over the rows of the fold that have a target. */
function scoreColumns(problem: Problem, all: Int32Array, held: Int32Array, predicted: Float64Array): HeldOutScore[] {
  const { columns } = problem;
  const guesses = new Float64Array(held.length * columns);
  // Both lists of rows ascend, and `held` is part of `all`.
  for (let r = 0, place = 0; r < held.length; r++, place++) {
    while (all[place] !== held[r]) place++;
    guesses.set(predicted.subarray(place * columns, (place + 1) * columns), r * columns);
  }
  return scorePredictions(gatherTargets(problem, held), guesses, columns);
}

function foldResult(
  shared: SharedTargets,
  t: number,
  fold: number,
  n: number,
  penalty: number,
  scores: readonly HeldOutScore[],
): ProbeFold {
  const score = scores[t]!;
  let sum = 0;
  let defined = 0;
  for (let p = 0; p < shared.permutations; p++) {
    const { pearson } = scores[controlColumn(shared, t, p)]!;
    if (pearson === null) continue;
    sum += pearson;
    defined++;
  }
  const control = defined === 0 ? null : sum / defined;
  const selectivity = score.pearson === null || control === null ? null : score.pearson - control;
  return { fold, n, penalty, control, selectivity, ...score };
}

function unfittedFold(fold: number, n: number): ProbeFold {
  return {
    fold,
    n,
    pearson: null,
    mse: null,
    penalty: null,
    control: null,
    selectivity: null,
    reason: 'too_few_rows',
  };
}

/** Maps fitted on all rows, in raw units; null where there are too few rows. */
async function refitAll(
  shared: SharedTargets,
  problem: Problem,
  solver: RidgeSolver,
  inner: readonly { readonly squaredErrors: readonly Float64Array[]; readonly rows: number }[],
): Promise<ProbeMap[] | null> {
  const { penalties, targets, shift } = shared;
  const single = penalties.length === 1;
  const cells = problem.cells.flatMap((rows, cell) => (rows.length > 0 ? [cell] : []));
  if (shared.rows.length < 2 || (!single && inner.every(({ rows }) => rows === 0))) return null;
  const summed = penalties.map((_, p) =>
    Float64Array.from(targets, (_, t) => inner.reduce((sum, { squaredErrors }) => sum + squaredErrors[p]![t]!, 0)),
  );
  const chosen = single ? targets.map(() => 0) : choosePenalties(summed, shared.penaltyChoice, penalties);
  const columnPenalties = chosen.map((p) => penalties[p]!);
  const maps = await fitColumns(await solver.trainingSet(cells), columnPenalties);
  return columnPenalties.map((penalty, t) => {
    const weights = Float64Array.from(shift, (_, j) => maps.weights[j * targets.length + t]!);
    let atShift = 0;
    for (const [j, weight] of weights.entries()) atShift += weight * shift[j]!;
    return { penalty, weights, intercept: problem.targetShift[t]! + maps.intercepts[t]! - atShift };
  });
}
