import { factorise, solve } from '../../algebra/cholesky.ts';
import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { addDiagonal, addSelfProduct, copyPanels, zeroPanels } from '../../algebra/panels.ts';
import { gather, gatherTargets, isConstant, type Problem, targetOf } from '../../rows.ts';
import { predictLinear } from '../linear.ts';
import type { PenalisedSolver, TrainingSet } from '../penalised/solver.ts';
import { CONSTANT_SHARE, interceptsOf } from './ridge.ts';

/**
 * The solver for n < d: the kernel Z·Zᵀ of the centred (and scaled) training rows, factorised at size n; weights are
 * Zᵀ·a. Saunders, Gammerman and Vovk 1998, "Ridge regression learning algorithm in dual variables".
 */
export function dualSolver(gemm: Gemm, problem: Problem, scale: boolean): PenalisedSolver {
  return {
    trainingSet: (cells) => kernelSet(gemm, problem, cells, scale),
    async errors(maps, cells) {
      const width = maps.columns.length;
      const errors = new Float64Array(width);
      for (const cell of cells) {
        const rows = problem.cells[cell]!;
        const predicted = await predictLinear(gemm, problem, maps, rows);
        for (let r = 0; r < rows.length; r++) {
          for (let t = 0; t < width; t++) {
            const target = targetOf(problem, rows[r]!, maps.columns[t]!);
            errors[t] = errors[t]! + (target - predicted[r * width + t]!) ** 2;
          }
        }
      }
      return errors;
    },
  };
}

async function kernelSet(gemm: Gemm, problem: Problem, cells: readonly number[], scale: boolean): Promise<TrainingSet> {
  const { d } = problem.states;
  const { columns } = problem;
  const rows = Int32Array.from(cells.flatMap((cell) => [...problem.cells[cell]!]));
  const n = rows.length;
  const z = gather(problem, rows);
  const { mean, scales } = standardise(z, n, d, scale);
  const kernel = zeroPanels(n);
  await addSelfProduct(gemm, kernel, z, d);
  const y = gatherTargets(problem, rows);
  const targetMean = new Float64Array(columns);
  for (let i = 0; i < y.length; i++) targetMean[i % columns] = targetMean[i % columns]! + y[i]! / n;
  return {
    rows: n,
    async fit(penalty, wanted) {
      const a = copyPanels(kernel);
      addDiagonal(a, new Float64Array(n).fill(penalty));
      const factor = await factorise(gemm, a);
      if (factor === null) return null;
      const width = wanted.length;
      const constant = wanted.map((column) => isConstant(problem, cells, column));
      const right = new Float64Array(n * width);
      for (let r = 0; r < n; r++) {
        for (let t = 0; t < width; t++) {
          const column = wanted[t]!;
          if (!constant[t]) right[r * width + t] = y[r * columns + column]! - targetMean[column]!;
        }
      }
      const dual = await solve(gemm, factor, right, width);
      const weights = await gemm.multiply('tn', matrix(z, n, d), matrix(dual, n, width));
      for (let i = 0; i < weights.length; i++) weights[i] = weights[i]! / scales[Math.floor(i / width)]!;
      return { columns: wanted, weights, intercepts: interceptsOf(problem, cells, weights, wanted, mean, targetMean) };
    },
  };
}

/** Centres the columns of z [n, d] and, with `scale`, divides by their standard deviation, in place. */
function standardise(z: Float64Array, n: number, d: number, scale: boolean) {
  const mean = new Float64Array(d);
  const second = new Float64Array(d);
  const centred = new Float64Array(d);
  for (let i = 0; i < z.length; i++) {
    mean[i % d] = mean[i % d]! + z[i]! / n;
    second[i % d] = second[i % d]! + z[i]! * z[i]!;
  }
  for (let i = 0; i < z.length; i++) {
    z[i] = z[i]! - mean[i % d]!;
    centred[i % d] = centred[i % d]! + z[i]! * z[i]!;
  }
  const constant = centred.map((value, j) => (value <= CONSTANT_SHARE * second[j]! ? 1 : 0));
  const scales = centred.map((value, j) => (scale && constant[j] === 0 ? Math.sqrt(value / n) : 1));
  for (let i = 0; i < z.length; i++) z[i] = constant[i % d] === 1 ? 0 : z[i]! / scales[i % d]!;
  return { mean, scales };
}
