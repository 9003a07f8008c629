import { factorise, solve } from '../../algebra/cholesky.ts';
import { type Gemm, matrix } from '../../algebra/gemm.ts';
import {
  addDiagonal,
  addInto,
  addPanels,
  addSelfProduct,
  clearRowAndColumn,
  copyPanels,
  diagonal,
  fullMatrix,
  type Panels,
  subtractOuter,
  symmetricProduct,
  zeroPanels,
} from '../../algebra/panels.ts';
import { solveShifted } from '../../algebra/shifted-gradients.ts';
import { chunks, gatherTargets, gatherTransposed, isConstant, type Problem } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from '../penalised/solver.ts';
import { CONSTANT_SHARE, interceptsOf } from './ridge.ts';

/** Sums over rows of shifted states x and targets y. */
interface Moments {
  n: number;
  /** Σx [d] */
  readonly x: Float64Array;
  /** Σy, Σy² [columns] */
  readonly y: Float64Array;
  readonly yy: Float64Array;
  /** Σx·xᵀ */
  readonly xx: Panels;
  /** Σx·yᵀ [d, columns] */
  readonly xy: Float64Array;
}

/**
 * The solver for n ≥ d. One pass over the states gives each cell's moments; training sets add them up and correct the
 * means in float64; a factor serves every target.
 */
export async function primalSolver(gemm: Gemm, problem: Problem, scale: boolean): Promise<PenalisedSolver> {
  const { d } = problem.states;
  const { columns } = problem;
  const byCell: Moments[] = [];
  for (const rows of problem.cells) byCell.push(await momentsOf(gemm, problem, rows));

  const sum = (cells: readonly number[]): Moments => {
    if (cells.length === 1) return byCell[cells[0]!]!;
    const total = zeroMoments(d, columns);
    for (const cell of cells) {
      const part = byCell[cell]!;
      total.n += part.n;
      addInto(total.x, part.x);
      addInto(total.y, part.y);
      addInto(total.yy, part.yy);
      addPanels(total.xx, part.xx);
      addInto(total.xy, part.xy);
    }
    return total;
  };

  return {
    async trainingSet(cells) {
      const moments = sum(cells);
      return centredSet(gemm, problem, cells, moments, scale);
    },
    async errors(maps, cells) {
      const moments = sum(cells);
      const width = maps.columns.length;
      const gw = await symmetricProduct(gemm, moments.xx, maps.weights, width);
      const [wgw, wxy, wx] = [new Float64Array(width), new Float64Array(width), new Float64Array(width)];
      // Row by row, so that memory is read in its order: there may be thousands of columns.
      for (let j = 0, at = 0; j < d; j++) {
        const x = moments.x[j]!;
        for (let t = 0; t < width; t++, at++) {
          const w = maps.weights[at]!;
          wgw[t] = wgw[t]! + w * gw[at]!;
          wxy[t] = wxy[t]! + w * moments.xy[j * columns + maps.columns[t]!]!;
          wx[t] = wx[t]! + w * x;
        }
      }
      const errors = new Float64Array(width);
      for (let t = 0; t < width; t++) {
        const column = maps.columns[t]!;
        const b = maps.intercepts[t]!;
        const targetPart = moments.yy[column]! - 2 * b * moments.y[column]! + moments.n * b * b;
        errors[t] = Math.max(0, targetPart - 2 * wxy[t]! + 2 * b * wx[t]! + wgw[t]!);
      }
      return errors;
    },
  };
}

function centredSet(
  gemm: Gemm,
  problem: Problem,
  cells: readonly number[],
  moments: Moments,
  scale: boolean,
): TrainingSet {
  const { d } = problem.states;
  const { columns } = problem;
  const { n } = moments;
  const mean = moments.x.map((value) => value / n);
  const targetMean = moments.y.map((value) => value / n);
  const gram = copyPanels(moments.xx);
  subtractOuter(gram, mean, n);
  const xy = moments.xy.slice();
  for (let j = 0, at = 0; j < d; j++) {
    for (let t = 0; t < columns; t++, at++) xy[at] = xy[at]! - n * mean[j]! * targetMean[t]!;
  }
  const raw = diagonal(moments.xx);
  const centred = diagonal(gram);
  const unit = new Float64Array(d);
  const ridge = new Float64Array(d);
  for (let j = 0; j < d; j++) {
    if (centred[j]! <= CONSTANT_SHARE * raw[j]!) {
      clearRowAndColumn(gram, j);
      xy.fill(0, j * columns, (j + 1) * columns);
      unit[j] = 1;
    } else {
      ridge[j] = scale ? centred[j]! / n : 1;
    }
  }
  const rightSides = (wanted: readonly number[]): Float64Array => {
    const width = wanted.length;
    const constant = wanted.map((column) => isConstant(problem, cells, column));
    const right = new Float64Array(d * width);
    for (let j = 0; j < d; j++) {
      for (let t = 0; t < width; t++) if (!constant[t]) right[j * width + t] = xy[j * columns + wanted[t]!]!;
    }
    return right;
  };
  const mapsOf = (wanted: readonly number[], weights: Float64Array): LinearMaps => {
    return { columns: wanted, weights, intercepts: interceptsOf(problem, cells, weights, wanted, mean, targetMean) };
  };
  const fit = async (penalty: number, wanted: readonly number[]): Promise<LinearMaps | null> => {
    const a = copyPanels(gram);
    addDiagonal(
      a,
      ridge.map((value, j) => penalty * value + unit[j]!),
    );
    const factor = await factorise(gemm, a);
    return factor && mapsOf(wanted, await solve(gemm, factor, rightSides(wanted), wanted.length));
  };
  return {
    rows: n,
    fit,
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

async function momentsOf(gemm: Gemm, problem: Problem, rows: Int32Array): Promise<Moments> {
  const { d } = problem.states;
  const { columns } = problem;
  const moments = zeroMoments(d, columns);
  moments.n = rows.length;
  for (const chunk of chunks(rows)) {
    const count = chunk.length;
    const x = gatherTransposed(problem, chunk);
    const y = gatherTargets(problem, chunk);
    await addSelfProduct(gemm, moments.xx, x, count);
    addInto(moments.xy, await gemm.multiply('nn', matrix(x, d, count), matrix(y, count, columns)));
    for (let j = 0, at = 0; j < d; j++) {
      let sum = 0;
      for (let r = 0; r < count; r++, at++) sum += x[at]!;
      moments.x[j] = moments.x[j]! + sum;
    }
    for (let i = 0; i < y.length; i++) {
      const t = i % columns;
      moments.y[t] = moments.y[t]! + y[i]!;
      moments.yy[t] = moments.yy[t]! + y[i]! * y[i]!;
    }
  }
  return moments;
}

function zeroMoments(d: number, columns: number): Moments {
  return {
    n: 0,
    x: new Float64Array(d),
    y: new Float64Array(columns),
    yy: new Float64Array(columns),
    xx: zeroPanels(d),
    xy: new Float64Array(d * columns),
  };
}
