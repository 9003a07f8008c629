import { factorise, solve } from '../../algebra/cholesky.ts';
import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { addDiagonal, copyPanels, diagonal, scalePanels, subtractOuter } from '../../algebra/panels.ts';
import { chunks, gather, isConstant, type Problem, rawRows, rowsIn, targetOf } from '../../rows.ts';
import { type LinearMaps, predictLinear } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from '../penalised/solver.ts';
import { type Moments, momentsOf, sumsOver } from '../ridge/moments.ts';
import { CONSTANT_SHARE } from '../ridge/ridge.ts';
import { crossEntropy, logLoss } from './log-loss.ts';
import { type Labels, minimise, type Preconditioner } from './minimise.ts';
import { spanOf } from './span.ts';

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
  const moments = new Map<number, Moments>();
  const momentsIn = async (cells: readonly number[]): Promise<Moments[]> => {
    const ofStates = { ...problem, columns: 0, leading: 0, sources: [] };
    for (const cell of cells) {
      if (!moments.has(cell)) moments.set(cell, await momentsOf(gemm, ofStates, problem.cells[cell]!));
    }
    return cells.map((cell) => moments.get(cell)!);
  };
  return {
    async trainingSet(cells) {
      const wide = rowsIn(problem, cells) < problem.states.d;
      return trainingSet(gemm, problem, cells, label, scale, wide ? undefined : await momentsIn(cells));
    },
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

async function trainingSet(
  gemm: Gemm,
  problem: Problem,
  cells: readonly number[],
  label: (row: number, column: number) => number,
  scale: boolean,
  moments: readonly Moments[] | undefined,
): Promise<TrainingSet> {
  const { d } = problem.states;
  const rows = Int32Array.from(cells.flatMap((cell) => [...problem.cells[cell]!]));
  const n = rows.length;
  const columns = moments === undefined ? spreadOf(gather(problem, rows), n, d) : spreadIn(moments, d);
  const { mean } = columns;
  const scales = columns.squares.map((value, j) => (scale && !columns.constant[j] ? Math.sqrt(value / n) : 1));
  const over = scales.map((value, j) => (columns.constant[j] ? 0 : 1 / value));
  const inputs = matrix(standardised(problem, rows, mean, over), n, d + 1);
  const span = moments === undefined ? await spanOf(gemm, inputs) : null;
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
      const precondition = await preconditioner(gemm, { n, d, mean, scales, moments }, penalty);
      const found = await minimise(gemm, span?.rows ?? inputs, labels, penalty, precondition);
      if (found === null) return null;
      const solved = span === null ? found : await span.weightsOf(found);
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

/**
 * The second derivative of the loss is at most a quarter of the columns' products (Böhning and Lindsay 1988), and about that
 * in proportion: with its factor a minimum is a few iterations away. Where there are fewer rows than columns, or no factor,
 * the products are taken for those of independent columns.
 */
async function preconditioner(
  gemm: Gemm,
  {
    n,
    d,
    mean,
    scales,
    moments,
  }: { n: number; d: number; mean: Float64Array; scales: Float64Array; moments: readonly Moments[] | undefined },
  penalty: number,
): Promise<Preconditioner> {
  if (moments !== undefined) {
    const products = copyPanels(sumsOver(moments).xx);
    subtractOuter(products, mean, n);
    scalePanels(
      products,
      scales.map((value) => 0.5 / value),
    );
    addDiagonal(products, new Float64Array(d).fill(penalty + LEAST * n));
    const factor = await factorise(gemm, products);
    if (factor !== null) return (vectors, columns) => solve(gemm, factor, vectors, columns);
  }
  return async (vectors) => vectors.map((value) => value / (n / 4 + penalty));
}

/** Keeps the factor of collinear columns without a penalty from being singular. */
const LEAST = 1e-9;

/** What is known of columns of states: their means, squares about these, and which are constant. */
interface Spread {
  readonly mean: Float64Array;
  readonly squares: Float64Array;
  readonly constant: readonly boolean[];
}

function spreadIn(moments: readonly Moments[], d: number): Spread {
  const { n, x, xx } = sumsOver(moments);
  const mean = x.map((value) => value / n);
  const raw = diagonal(xx);
  const squares = raw.map((value, j) => value - n * mean[j]! ** 2);
  return { mean, squares, constant: Array.from({ length: d }, (_, j) => squares[j]! <= CONSTANT_SHARE * raw[j]!) };
}

/** The same of states [n, d]. */
function spreadOf(x: Float64Array, n: number, d: number): Spread {
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
  return { mean, squares, constant: Array.from(squares, (value, j) => value <= CONSTANT_SHARE * second[j]!) };
}

/** Rows [n, d + 1]: columns less their mean, times `over`; the last is 1. */
function standardised(problem: Problem, rows: Int32Array, mean: Float64Array, over: Float64Array): Float64Array {
  const { d } = problem.states;
  const less = mean.map((value, j) => value + problem.shift[j]!);
  const inputs = new Float64Array(rows.length * (d + 1));
  let at = 0;
  for (const chunk of chunks(rows)) {
    const { values, at: start } = rawRows(problem.states, chunk);
    for (let r = 0; r < chunk.length; r++, at++) {
      const from = start(r);
      for (let j = 0; j < d; j++, at++) inputs[at] = (values[from + j]! - less[j]!) * over[j]!;
      inputs[at] = 1;
    }
  }
  return inputs;
}
