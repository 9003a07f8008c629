import { randomPermutation, randomStream } from '@sonde/numerics';
import { describe, expect, test } from 'vitest';
import { openGemm } from '../../src/algebra/gemm.ts';
import { scorePairs } from '../../src/evaluate/metrics.ts';
import { pairsOf } from '../../src/evaluate/pairs.ts';
import type { OuterSplit } from '../../src/learner.ts';
import { type LinearMaps, predictLinear } from '../../src/learners/linear.ts';
import { innerErrors } from '../../src/learners/penalised/inner-errors.ts';
import { dualSolver } from '../../src/learners/ridge/dual.ts';
import { openRidge } from '../../src/learners/ridge/learner.ts';
import { primalSolver } from '../../src/learners/ridge/primal.ts';
import { type Problem, rowCount, stateShift, targetOf } from '../../src/rows.ts';
import { cases, fixtureStates, fixtureTargets } from '../cases.ts';
import { readNpy } from '../npy.ts';
import { synthetic } from '../synthetic.ts';

const TARGETS = 6;
const ALL = [0, 1, 2, 3, 4, 5];
const gemm = await openGemm(1);
const range = (from: number, to: number) => Int32Array.from({ length: to - from }, (_, i) => from + i);

function problemOn(data: 'tall' | 'wide', cells: Int32Array[], shared = false): Problem {
  const states = fixtureStates(data);
  return {
    states,
    shift: stateShift(states),
    cells,
    targets: fixtureTargets(data),
    columns: TARGETS,
    targetShift: new Float64Array(TARGETS),
    leading: TARGETS,
    tunedOn: ALL.map((t) => (shared ? ALL : [t])),
  };
}

function largestDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let largest = 0;
  let magnitude = 0;
  for (let i = 0; i < want.length; i++) {
    largest = Math.max(largest, Math.abs(got[i]! - want[i]!));
    magnitude = Math.max(magnitude, Math.abs(want[i]!));
  }
  return largest / magnitude;
}

describe.each(['primal', 'dual'] as const)('%s ridge', (form) => {
  test.each(cases.ridge)('$case agrees with scikit-learn', async (c) => {
    const [start, end] = c.train_rows;
    const states = fixtureStates(c.data);
    const n = rowCount(states);
    const problem = problemOn(c.data, [range(start, end), range(end, n)]);
    const solver = form === 'dual' ? dualSolver(gemm, problem, c.scaled) : await primalSolver(gemm, problem, c.scaled);
    const set = await solver.trainingSet([0]);
    const maps = (await set.fit(c.alpha, ALL))!;
    const coef = readNpy(c.coef_file);
    const weights = Float64Array.from(
      coef.data,
      (_, i) => maps.weights[(i % states.d) * TARGETS + Math.floor(i / states.d)]!,
    );
    expect(largestDifference(weights, coef.data)).toBeLessThan(1e-9);
    const intercepts = Array.from(maps.intercepts, (value, t) => {
      let atShift = 0;
      for (let j = 0; j < states.d; j++) atShift += problem.shift[j]! * maps.weights[j * TARGETS + t]!;
      return value - atShift;
    });
    expect(largestDifference(intercepts, c.intercept)).toBeLessThan(1e-9);
    const predicted = await predictLinear(gemm, problem, maps, range(end, n));
    expect(largestDifference(predicted, readNpy(c.pred_file).data)).toBeLessThan(1e-9);
    const errors = await solver.errors(maps, [1]);
    const direct = squaredErrors(problem, maps, predicted, end);
    expect(largestDifference(errors, direct)).toBeLessThan(1e-9);
  });
});

describe('columns by the hundred, as permuted targets are', () => {
  const plain = problemOn('tall', [range(0, 120), range(120, 240), range(240, 360)]);
  const { states } = synthetic({ prompts: 360, rows: 1, d: 150, seed: 10 });
  const random = randomStream(0, 'permuted');
  const sources = Array.from({ length: 150 }, () => Int32Array.from(randomPermutation(random, 360)));
  const columns = TARGETS * (1 + sources.length);
  const targetShift = new Float64Array(columns);
  const ofStates = { states: { values: states, d: 150 }, shift: stateShift({ values: states, d: 150 }) };
  const problem: Problem = { ...plain, ...ofStates, columns, sources, targetShift };
  const all = Array.from({ length: columns }, (_, column) => column);

  test.each([true, false])('have the errors of each alone, to float32 (scaling %s)', async (scale) => {
    const solver = await primalSolver(gemm, problem, scale);
    const penalties = [1, 100, 1e4, 1e6];
    const rough = (await solver.roughErrors!([0, 1], penalties, all, [[2], [1]]))!;
    for (const [p, penalty] of penalties.entries()) {
      const maps = (await (await solver.trainingSet([0, 1])).fit(penalty, all))!;
      for (const [i, cells] of [[2], [1]].entries()) {
        expect(largestDifference(rough[p]![i]!, await solver.errors(maps, cells))).toBeLessThan(1e-5);
      }
    }
  });
  test('have the correlations of their predictions, each at its own penalty', async () => {
    const solver = await primalSolver(gemm, problem, true);
    const set = await solver.trainingSet([0, 1]);
    const rows = problem.cells[2]!;
    const target = Float64Array.from({ length: rows.length * columns }, (_, i) =>
      targetOf(problem, rows[Math.floor(i / columns)]!, i % columns),
    );
    const penaltyOf = (column: number) => [10, 1000][column % 2]!;
    const got = await solver.correlations!([0, 1], [2], all, all.map(penaltyOf));
    for (const penalty of [10, 1000]) {
      const predicted = await predictLinear(gemm, problem, (await set.fit(penalty, all))!, rows);
      const want = scorePairs(pairsOf(target, predicted, columns, rows));
      for (const column of all.filter((other) => penaltyOf(other) === penalty)) {
        expect(got[column]!.value).toBeCloseTo(want[column]!.pearson.value!, 9);
      }
    }
  });
});

test.each(cases.loo)('residuals of rows left out one by one agree with scikit-learn at penalty $alpha', async (c) => {
  const n = rowCount(fixtureStates('tall'));
  const problem = problemOn(
    'tall',
    Array.from({ length: n }, (_, row) => Int32Array.of(row)),
  );
  const solver = await primalSolver(gemm, problem, false);
  const squares = new Float64Array(TARGETS);
  for (let row = 0; row < n; row++) {
    const others = problem.cells.flatMap((_, cell) => (cell === row ? [] : [cell]));
    const maps = (await (await solver.trainingSet(others)).fit(c.alpha, ALL))!;
    const predicted = await predictLinear(gemm, problem, maps, Int32Array.of(row));
    for (const t of ALL) {
      const residual = problem.targets[row * TARGETS + t]! - predicted[t]!;
      squares[t] = squares[t]! + residual ** 2 / n;
      if (row < c.residual_rows_0_4.length) expect(residual).toBeCloseTo(c.residual_rows_0_4[row]![t]!, 9);
    }
  }
  expect(largestDifference(squares, c.mse)).toBeLessThan(1e-9);
});

function squaredErrors(problem: Problem, maps: LinearMaps, predicted: Float64Array, start: number): Float64Array {
  const errors = new Float64Array(maps.columns.length);
  for (let i = 0; i < predicted.length; i++) {
    errors[i % TARGETS] = errors[i % TARGETS]! + (predicted[i]! - problem.targets[start * TARGETS + i]!) ** 2;
  }
  return errors;
}

describe('nested cross-validation with stored folds', () => {
  // Cells are the intersections of the outer fold and all inner folds, so that every set is a union of cells.
  const outer = readNpy('outer_fold.npy').data;
  const inner = readNpy('inner_fold.npy').data;
  const n = outer.length;
  const labels = Array.from({ length: n }, (_, row) => [0, 1, 2, 3].map((f) => inner[f * n + row]!).join());
  const names = [...new Set(labels)];
  const cellRows = names.map((name) => range(0, n).filter((row) => labels[row] === name));
  const innerOf = (cell: number, f: number) => inner[f * n + cellRows[cell]![0]!]!;
  const where = (keep: (cell: number) => boolean) => names.flatMap((_, cell) => (keep(cell) ? [cell] : []));
  const splits: OuterSplit[] = [0, 1, 2, 3].map((f) => ({
    train: where((cell) => innerOf(cell, f) >= 0),
    test: where((cell) => innerOf(cell, f) < 0),
    inner: [0, 1, 2].map((q) => ({
      train: where((cell) => innerOf(cell, f) >= 0 && innerOf(cell, f) !== q),
      test: where((cell) => innerOf(cell, f) === q),
    })),
  }));

  test.each(cases.nested_cv)('$case agrees with scikit-learn', async (c) => {
    const problem = problemOn('tall', cellRows, !c.alpha_per_target);
    const solver = await primalSolver(gemm, problem, c.scaled);
    const errors = await innerErrors(solver, problem, splits, c.alphas, ALL);
    const learner = await openRidge(problem, splits, { penalties: c.alphas, scale: c.scaled, extend: false });
    const heldOut = readNpy(c.oof_file).data;
    for (const [f, want] of c.folds.entries()) {
      const { errors: sums, rows } = errors[f]!;
      for (const [p, row] of want.inner_mse.entries()) {
        expect(
          largestDifference(
            sums[p]!.map((sum) => sum / rows),
            row,
          ),
        ).toBeLessThan(1e-9);
      }
      const probe = (await learner.fit(f, ALL))!;
      expect(probe.penalties).toEqual(want.chosen_alpha);
      const test = range(0, n).filter((row) => outer[row] === f);
      const predicted = await learner.predict(probe, test, TARGETS);
      for (let t = 0; t < TARGETS; t++) {
        const guess = Float64Array.from(test, (_, r) => predicted[r * TARGETS + t]!);
        const stored = Float64Array.from(test, (row) => heldOut[row * TARGETS + t]!);
        expect(largestDifference(guess, stored)).toBeLessThan(1e-9);
        const target = Float64Array.from(test, (row) => problem.targets[row * TARGETS + t]!);
        const [score] = scorePairs(pairsOf(target, guess, 1, test));
        expect(score!.pearson.value).toBeCloseTo(want.pearson[t]!, 9);
        expect(score!.mse.value).toBeCloseTo(want.mse[t]!, 9);
      }
    }
  });
});
