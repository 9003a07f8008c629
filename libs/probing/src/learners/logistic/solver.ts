import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { gather, isConstant, type Problem, targetOf } from '../../rows.ts';
import { type LinearMaps, predictLinear } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from '../penalised/solver.ts';
import { CONSTANT_SHARE } from '../ridge/ridge.ts';
import { logLoss } from './log-loss.ts';
import { minimise } from './minimise.ts';

/** The two values of a target column. */
export interface Classes {
  readonly low: number;
  readonly high: number;
}

/** The log-odds of a training set of one class: as sure as an event that was not seen can be told. */
const ONE_CLASS = 30;

export function logisticSolver(
  gemm: Gemm,
  problem: Problem,
  classes: readonly Classes[],
  scale: boolean,
): PenalisedSolver {
  const label = (row: number, column: number) => (targetOf(problem, row, column) === classes[column]!.high ? 1 : 0);
  return {
    trainingSet: async (cells) => trainingSet(gemm, problem, cells, label, scale),
    async errors(maps, cells) {
      const width = maps.columns.length;
      const errors = new Float64Array(width);
      for (const cell of cells) {
        const rows = problem.cells[cell]!;
        const predicted = await predictLinear(gemm, problem, maps, rows);
        for (const [r, row] of rows.entries()) {
          for (const [t, column] of maps.columns.entries()) {
            errors[t] = errors[t]! + logLoss(predicted[r * width + t]!, label(row, column));
          }
        }
      }
      return errors;
    },
  };
}

function trainingSet(
  gemm: Gemm,
  problem: Problem,
  cells: readonly number[],
  label: (row: number, column: number) => number,
  scale: boolean,
): TrainingSet {
  const { d } = problem.states;
  const rows = Int32Array.from(cells.flatMap((cell) => [...problem.cells[cell]!]));
  const n = rows.length;
  const { inputs, mean, scales } = standardised(gather(problem, rows), n, d, scale);
  return {
    rows: n,
    async fit(penalty, wanted): Promise<LinearMaps | null> {
      const width = wanted.length;
      const varying = wanted.flatMap((column, t) => (isConstant(problem, cells, column) ? [] : [t]));
      const labels = new Float64Array(n * varying.length);
      for (const [r, row] of rows.entries()) {
        for (const [v, t] of varying.entries()) labels[r * varying.length + v] = label(row, wanted[t]!);
      }
      const solved = await minimise(gemm, matrix(inputs, n, d + 1), labels, varying.length, penalty);
      if (solved === null) return null;
      const weights = new Float64Array(d * width);
      const intercepts = Float64Array.from(wanted, (column) =>
        label(rows[0]!, column) === 1 ? ONE_CLASS : -ONE_CLASS,
      );
      for (const [v, t] of varying.entries()) {
        const w = solved[v]!;
        let intercept = w[d]!;
        for (let j = 0; j < d; j++) {
          const weight = w[j]! / scales[j]!;
          weights[j * width + t] = weight;
          intercept -= weight * mean[j]!;
        }
        intercepts[t] = intercept;
      }
      return { columns: wanted, weights, intercepts };
    },
  };
}

/** Rows [n, d + 1]: columns centred and, with `scale`, of standard deviation 1 (constant ones are 0); the last is 1. */
function standardised(x: Float64Array, n: number, d: number, scale: boolean) {
  const mean = new Float64Array(d);
  const second = new Float64Array(d);
  for (let at = 0; at < x.length; ) {
    for (let j = 0; j < d; j++, at++) {
      mean[j] = mean[j]! + x[at]! / n;
      second[j] = second[j]! + x[at]! * x[at]!;
    }
  }
  const squares = new Float64Array(d);
  for (let at = 0; at < x.length; )
    for (let j = 0; j < d; j++, at++) squares[j] = squares[j]! + (x[at]! - mean[j]!) ** 2;
  const constant = squares.map((value, j) => (value <= CONSTANT_SHARE * second[j]! ? 1 : 0));
  const scales = squares.map((value, j) => (scale && constant[j] === 0 ? Math.sqrt(value / n) : 1));
  const inputs = new Float64Array(n * (d + 1));
  for (let r = 0, at = 0; r < n; r++) {
    for (let j = 0; j < d; j++, at++) inputs[at + r] = constant[j] === 1 ? 0 : (x[at]! - mean[j]!) / scales[j]!;
    inputs[at + r] = 1;
  }
  return { inputs, mean, scales };
}
