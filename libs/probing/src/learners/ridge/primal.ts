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
  type Panels,
  subtractOuter,
  symmetricProduct,
  zeroPanels,
} from '../../algebra/panels.ts';
import { chunks, gatherTargets, gatherTransposed, isConstant, type Problem } from '../../rows.ts';
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
      const errors = new Float64Array(width);
      for (let t = 0; t < width; t++) {
        const column = maps.columns[t]!;
        const b = maps.intercepts[t]!;
        let wgw = 0;
        let wxy = 0;
        let wx = 0;
        for (let j = 0; j < d; j++) {
          const w = maps.weights[j * width + t]!;
          wgw += w * gw[j * width + t]!;
          wxy += w * moments.xy[j * columns + column]!;
          wx += w * moments.x[j]!;
        }
        const targetPart = moments.yy[column]! - 2 * b * moments.y[column]! + moments.n * b * b;
        errors[t] = Math.max(0, targetPart - 2 * wxy + 2 * b * wx + wgw);
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
  return {
    rows: n,
    async fit(penalty, wanted) {
      const a = copyPanels(gram);
      addDiagonal(
        a,
        ridge.map((value, j) => penalty * value + unit[j]!),
      );
      const factor = await factorise(gemm, a);
      if (factor === null) return null;
      const width = wanted.length;
      const constant = wanted.map((column) => isConstant(problem, cells, column));
      const right = new Float64Array(d * width);
      for (let j = 0; j < d; j++) {
        for (let t = 0; t < width; t++) if (!constant[t]) right[j * width + t] = xy[j * columns + wanted[t]!]!;
      }
      const weights = await solve(gemm, factor, right, width);
      return { columns: wanted, weights, intercepts: interceptsOf(problem, cells, weights, wanted, mean, targetMean) };
    },
  };
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
