import { openGemm } from '../../algebra/gemm.ts';
import type { Learner, OuterSplit } from '../../learner.ts';
import { type Progress, partsOf, UNTOLD } from '../../progress.ts';
import { type Problem, rowsIn } from '../../rows.ts';
import { mapsAt, placesBetween, predictLinear } from '../linear.ts';
import { openPenalised, type PenalisedProbe, type PenaltyOptions } from '../penalised/learner.ts';
import { dualSolver } from './dual.ts';
import { primalSolver } from './primal.ts';
import type { RidgeSolver } from './ridge.ts';

/**
 * Ridge regression in closed form, by squared error. One factorisation for each training set and penalty serves every
 * column.
 */
export async function openRidge(
  problem: Problem,
  splits: readonly OuterSplit[],
  options: PenaltyOptions,
  progress: Progress = UNTOLD,
): Promise<Learner<PenalisedProbe>> {
  const scale = options.scale ?? true;
  const gemm = await openGemm(options.threads ?? 1);
  const { d } = problem.states;
  const n = rowsIn(problem, [...problem.cells.keys()]);
  const wide = n < d;
  // Products of the states, the search for penalties, and the fits.
  const [inProducts, inSearch] = partsOf(progress, [
    n,
    splits.length * options.penalties.length * d,
    splits.length * d,
  ]) as [Progress, Progress];
  const solver: RidgeSolver = wide
    ? dualSolver(gemm, problem, scale)
    : await primalSolver(gemm, problem, scale, inProducts);
  const { fit, choose } = await openPenalised(problem, splits, solver, options, inSearch);
  const { correlations } = solver;
  return {
    fit,
    predict: ({ maps }, rows, count) => predictLinear(gemm, problem, mapsAt(maps, placesBetween(0, count)), rows),
    ...(correlations && {
      correlations: async (split, columns) => {
        const penalties = choose(split, columns);
        return penalties && correlations(splits[split]!.train, splits[split]!.test, columns, penalties);
      },
    }),
  };
}
