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
import { type Progress, partsOf, UNTOLD } from '../../progress.ts';
import { columnBlocks, isConstant, type Problem } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';
import { placesByPenalty, singular } from '../penalised/inner-errors.ts';
import {
  crossAbout,
  type MappedSums,
  type Moments,
  mappedSums,
  momentsOf,
  type Sums,
  squaredErrors,
  sumsOver,
} from './moments.ts';
import { CONSTANT_SHARE, interceptsOf, type RidgeSolver } from './ridge.ts';
import { type CentredSet, roughErrors } from './rough-errors.ts';

/**
 * The solver for n ≥ d. One pass over the states gives each cell's moments; training sets add them up and correct the
 * means in float64; a factor serves every target.
 */
export async function primalSolver(
  gemm: Gemm,
  problem: Problem,
  scale: boolean,
  progress: Progress = UNTOLD,
): Promise<RidgeSolver> {
  const byCell: Moments[] = [];
  const inCells = partsOf(
    progress,
    problem.cells.map(({ length }) => length),
  );
  for (const [cell, rows] of problem.cells.entries()) byCell.push(await momentsOf(gemm, problem, rows, inCells[cell]!));
  const momentsIn = (cells: readonly number[]) => cells.map((cell) => byCell[cell]!);
  const setOf = (cells: readonly number[]) => centredSet(gemm, problem, cells, momentsIn(cells), scale);
  return {
    trainingSet: async (cells) => setOf(cells),
    async errors({ columns, weights, intercepts }, cells) {
      const moments = momentsIn(cells);
      const sums = sumsOver(moments);
      const squares = await quadraticForms(gemm, sums.xx, weights, columns.length);
      return squaredErrors(sums, columns, intercepts, { ...mappedSums(moments, columns, weights), squares });
    },
    async roughErrors(train, penalties, columns, tests) {
      if (columns.length < MANY * problem.states.d) return undefined;
      return roughErrors(gemm, setOf(train), penalties, columns, tests.map(momentsIn));
    },
    async correlations(train, test, columns, penalties) {
      const set = setOf(train);
      const moments = momentsIn(test);
      const sums = sumsOver(moments);
      const scores: Score[] = [];
      for (const [penalty, places] of placesByPenalty(penalties)) {
        const factor = await set.factorAt(penalty);
        if (factor === null) throw singular([penalty]);
        for (const block of columnBlocks(places.length)) {
          const some = block.map((i) => columns[places[i]!]!);
          const weights = await solve(gemm, factor, set.rightSides(some), some.length);
          const squares = await quadraticForms(gemm, sums.xx, weights, some.length);
          const mapped = { ...mappedSums(moments, some, weights), squares };
          for (const [t, i] of block.entries()) {
            const constant = isConstant(problem, test, some[t]!);
            scores[places[i]!] = pearsonOf(sums, some[t]!, constant, mapped, t);
          }
        }
      }
      return scores;
    },
  };
}

function pearsonOf(
  { n, y, yy }: Sums,
  column: number,
  constant: boolean,
  { mapped, cross, squares }: MappedSums,
  t: number,
): Score {
  if (n < 3) return { value: null, reason: 'too_few_rows' };
  if (constant) return { value: null, reason: 'constant_target' };
  const variation = squares[t]! - mapped[t]! ** 2 / n;
  if (!(variation > CONSTANT_SHARE * squares[t]!)) return { value: null, reason: 'constant_prediction' };
  const ofTarget = yy[column]! - y[column]! ** 2 / n;
  const r = (cross[t]! - (mapped[t]! * y[column]!) / n) / Math.sqrt(variation) / Math.sqrt(ofTarget);
  return { value: Math.max(-1, Math.min(1, r)) };
}

/** For so many times d columns the inverse of a training set's matrix pays. */
const MANY = 1;

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
  const rightSides = (wanted: readonly number[], into = new Float64Array(d * wanted.length)): Float64Array => {
    const width = wanted.length;
    crossAbout({ mean, targetMean }, moments, sums, wanted, into);
    for (let j = 0; j < d; j++) if (unit[j] === 1) into.fill(0, j * width, (j + 1) * width);
    for (const [t, column] of wanted.entries()) {
      if (isConstant(problem, cells, column)) for (let at = t; at < into.length; at += width) into[at] = 0;
    }
    return into;
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
    rightSides,
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
