import { type Factor, factorise, solve } from '../../algebra/cholesky.ts';
import type { Gemm } from '../../algebra/gemm.ts';
import {
  addDiagonal,
  clearRowAndColumn,
  copyPanels,
  diagonal,
  fullMatrix,
  type Panels,
  quadraticForms,
  subtractOuter,
} from '../../algebra/panels.ts';
import { solveShifted } from '../../algebra/shifted-gradients.ts';
import type { Score } from '../../evaluate/pairs.ts';
import { isConstant, type Problem } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';
import { crossSums, type Moments, mappedSums, momentsOf, squaredErrors, sumsOver } from './moments.ts';
import { CONSTANT_SHARE, interceptsOf, type RidgeSolver } from './ridge.ts';
import { type CentredSet, type RoughTest, roughErrors } from './rough-errors.ts';

/**
 * The solver for n ≥ d. One pass over the states gives each cell's moments; training sets add them up and correct the
 * means in float64; a factor serves every target.
 */
export async function primalSolver(gemm: Gemm, problem: Problem, scale: boolean): Promise<RidgeSolver> {
  const byCell: Moments[] = [];
  for (const rows of problem.cells) byCell.push(await momentsOf(gemm, problem, rows));
  const momentsIn = (cells: readonly number[]) => cells.map((cell) => byCell[cell]!);
  const grams = new Map<string, Float32Array>();
  const testOf = (cells: readonly number[]): RoughTest => {
    const moments = momentsIn(cells);
    const sums = sumsOver(moments);
    const key = cells.join();
    const ones = new Float64Array(problem.states.d).fill(1);
    if (!grams.has(key)) grams.set(key, new Float32Array(fullMatrix(sums.xx, ones)));
    return { moments, sums, gram: grams.get(key)! };
  };
  return {
    trainingSet: async (cells) => centredSet(gemm, problem, cells, momentsIn(cells), scale),
    async errors({ columns, weights, intercepts }, cells) {
      const moments = momentsIn(cells);
      const sums = sumsOver(moments);
      const squares = await quadraticForms(gemm, sums.xx, weights, columns.length);
      return squaredErrors(sums, columns, intercepts, { ...mappedSums(moments, columns, weights), squares });
    },
    async roughErrors(train, penalties, columns, tests) {
      if (columns.length < MANY * problem.states.d) return undefined;
      return roughErrors(
        gemm,
        centredSet(gemm, problem, train, momentsIn(train), scale),
        penalties,
        columns,
        tests.map(testOf),
      );
    },
    async correlations({ columns, weights }, cells) {
      const moments = momentsIn(cells);
      const { n, xx, y, yy } = sumsOver(moments);
      const squares = await quadraticForms(gemm, xx, weights, columns.length);
      const { mapped, cross } = mappedSums(moments, columns, weights);
      return columns.map((column, t): Score => {
        if (n < 3) return { value: null, reason: 'too_few_rows' };
        if (isConstant(problem, cells, column)) return { value: null, reason: 'constant_target' };
        const variation = squares[t]! - mapped[t]! ** 2 / n;
        if (!(variation > CONSTANT_SHARE * squares[t]!)) return { value: null, reason: 'constant_prediction' };
        const ofTarget = yy[column]! - y[column]! ** 2 / n;
        const r = (cross[t]! - (mapped[t]! * y[column]!) / n) / Math.sqrt(variation) / Math.sqrt(ofTarget);
        return { value: Math.max(-1, Math.min(1, r)) };
      });
    },
  };
}

/** For so many times d columns the inverse of a training set's matrix pays. */
const MANY = 2;

function centredSet(
  gemm: Gemm,
  problem: Problem,
  cells: readonly number[],
  moments: readonly Moments[],
  scale: boolean,
): CentredSet {
  const { d } = problem.states;
  const sums = sumsOver(moments);
  const { n } = sums;
  const mean = sums.x.map((value) => value / n);
  const targetMean = sums.y.map((value) => value / n);
  const gram = copyPanels(sums.xx);
  subtractOuter(gram, mean, n);
  const raw = diagonal(sums.xx);
  const centred = diagonal(gram);
  const unit = new Float64Array(d);
  const ridge = new Float64Array(d);
  for (let j = 0; j < d; j++) {
    if (centred[j]! <= CONSTANT_SHARE * raw[j]!) {
      clearRowAndColumn(gram, j);
      unit[j] = 1;
    } else {
      ridge[j] = scale ? centred[j]! / n : 1;
    }
  }
  const rightSides = (wanted: readonly number[]): Float64Array => {
    const width = wanted.length;
    const varies = Float64Array.from(wanted, (column) => (isConstant(problem, cells, column) ? 0 : 1));
    const centre = Float64Array.from(wanted, (column) => n * targetMean[column]!);
    const right = crossSums(moments, wanted);
    for (let j = 0, at = 0; j < d; j++) {
      const [m, kept] = [mean[j]!, 1 - unit[j]!];
      for (let t = 0; t < width; t++, at++) right[at] = kept * varies[t]! * (right[at]! - m * centre[t]!);
    }
    return right;
  };
  const mapsOf = (wanted: readonly number[], weights: Float64Array): LinearMaps => {
    return { columns: wanted, weights, intercepts: interceptsOf(problem, cells, weights, wanted, mean, targetMean) };
  };
  const factorAt = (penalty: number): Promise<Factor | null> => {
    const a = copyPanels(gram);
    addDiagonal(
      a,
      ridge.map((value, j) => penalty * value + unit[j]!),
    );
    return factorise(gemm, a);
  };
  const fit = async (penalty: number, wanted: readonly number[]): Promise<LinearMaps | null> => {
    const factor = await factorAt(penalty);
    return factor && mapsOf(wanted, await solve(gemm, factor, rightSides(wanted), wanted.length));
  };
  return {
    rows: n,
    fit,
    mean,
    targetMean,
    largest: ridge.reduce((sum, value, j) => sum + (value === 0 ? 0 : centred[j]! / value), 0),
    factorAt,
    kept: unit.map((value) => 1 - value),
    moments,
    varies: (column) => !isConstant(problem, cells, column),
    async fitAll(penalties, wanted) {
      const fitted: (LinearMaps | null)[] = [];
      const positive = penalties.filter((penalty) => penalty > 0);
      const solved =
        d < KRYLOV_SIZE || wanted.length > KRYLOV_COLUMNS || positive.length < 3
          ? []
          : await byGradients(gemm, gram, ridge, positive, rightSides(wanted), wanted.length);
      for (const penalty of penalties) {
        const weights = solved[positive.indexOf(penalty)] ?? null;
        fitted.push(weights === null ? await fit(penalty, wanted) : mapsOf(wanted, weights));
      }
      return fitted;
    },
  };
}

/** From this size on, and for so few columns, conjugate gradients for all penalties cost less than a factor of each. */
const KRYLOV_SIZE = 512;
const KRYLOV_COLUMNS = 24;

/** Weights [d, width] at each penalty; null where only a factor solves it. With D = √ridge: (D⁻¹GD⁻¹ + penalty)·Dw = D⁻¹b. */
async function byGradients(
  gemm: Gemm,
  gram: Panels,
  ridge: Float64Array,
  penalties: readonly number[],
  right: Float64Array,
  width: number,
): Promise<(Float64Array | null)[]> {
  const { size } = gram;
  const over = ridge.map((value) => (value === 0 ? 0 : 1 / Math.sqrt(value)));
  const scaled = (values: Float64Array) => values.map((value, i) => value * over[Math.floor(i / width)]!);
  const solved = await solveShifted(gemm, fullMatrix(gram, over), size, penalties, scaled(right), width);
  return solved.map((weights) => weights && scaled(weights));
}
