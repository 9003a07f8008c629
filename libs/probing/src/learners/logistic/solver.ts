import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { gather, isConstant, type Problem, targetOf } from '../../rows.ts';
import { type LinearMaps, predictLinear } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from '../penalised/solver.ts';
import { CONSTANT_SHARE } from '../ridge/ridge.ts';
import { crossEntropy, logLoss } from './log-loss.ts';
import { type Labels, minimise } from './minimise.ts';

/** The two values of a target column. */
export interface Classes {
  readonly low: number;
  readonly high: number;
}

/** The log-odds of a training set of one class, and less those of a class that is not in it: as sure as can be told. */
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
      const targets = targetsAmong(problem, maps.columns);
      for (const cell of cells) {
        const rows = problem.cells[cell]!;
        const predicted = await predictLinear(gemm, problem, maps, rows);
        for (const [r, row] of rows.entries()) {
          for (const places of targets) {
            const logits = Float64Array.from(places, (t) => predicted[r * width + t]!);
            const truths = places.map((t) => label(row, maps.columns[t]!));
            const loss =
              places.length === 1 ? logLoss(logits[0]!, truths[0]!) : crossEntropy(logits, truths.indexOf(1));
            for (const t of places) errors[t] = errors[t]! + loss;
          }
        }
      }
      return errors;
    },
  };
}

/** Places among some columns that are one target: the classes of a categorical one together, any other column alone. */
export function targetsAmong({ categories = [] }: Problem, columns: readonly number[]): number[][] {
  const placeOf = new Map(columns.map((column, place) => [column, place]));
  const together = categories.filter(([first]) => placeOf.has(first!)).map((set) => set.map((c) => placeOf.get(c)!));
  const grouped = new Set(together.flat());
  return [...together, ...[...columns.keys()].filter((place) => !grouped.has(place)).map((place) => [place])];
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
      const occurs = (column: number) => rows.some((row) => label(row, column) === 1);
      // Of a categorical target the classes that occur are fitted, if there are two; of any other one that varies.
      const fitted = targetsAmong(problem, wanted)
        .map((places) => (places.length === 1 ? places : places.filter((t) => occurs(wanted[t]!))))
        .filter(
          ([first, second]) =>
            second !== undefined || (first !== undefined && !isConstant(problem, cells, wanted[first]!)),
        );
      const labels = fitted.map((places): Labels => {
        const values = new Float64Array(n * places.length);
        for (let i = 0; i < values.length; i++) {
          values[i] = label(rows[Math.floor(i / places.length)]!, wanted[places[i % places.length]!]!);
        }
        return { classes: places.length, values };
      });
      const solved = await minimise(gemm, matrix(inputs, n, d + 1), labels, penalty);
      if (solved === null) return null;
      const weights = new Float64Array(d * width);
      const intercepts = Float64Array.from(wanted, (column) =>
        label(rows[0]!, column) === 1 ? ONE_CLASS : -ONE_CLASS,
      );
      for (const [i, places] of fitted.entries()) {
        for (const [k, t] of places.entries()) {
          const w = solved[i]!.subarray(k * (d + 1), (k + 1) * (d + 1));
          let intercept = w[d]!;
          for (let j = 0; j < d; j++) {
            const weight = w[j]! / scales[j]!;
            weights[j * width + t] = weight;
            intercept -= weight * mean[j]!;
          }
          intercepts[t] = intercept;
        }
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
