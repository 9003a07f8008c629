import { openGemm } from '../../algebra/gemm.ts';
import type { Learner, OuterSplit } from '../../learner.ts';
import type { Problem } from '../../rows.ts';
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
): Promise<Learner<PenalisedProbe>> {
  const scale = options.scale ?? true;
  const gemm = await openGemm(options.threads ?? 1);
  const wide = problem.cells.reduce((sum, rows) => sum + rows.length, 0) < problem.states.d;
  const solver: RidgeSolver = wide ? dualSolver(gemm, problem, scale) : await primalSolver(gemm, problem, scale);
  const { fit, choose } = await openPenalised(problem, splits, solver, options);
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
