import type { Score } from '../../evaluate/pairs.ts';
import { isConstant, type Problem, targetOf } from '../../rows.ts';
import type { PenalisedSolver } from '../penalised/solver.ts';

export interface RidgeSolver extends PenalisedSolver {
  /**
   * Pearson's correlation of predictions and targets over the rows of some cells, of columns fitted on others, each at a
   * penalty of its own. Absent where predicting the rows costs less.
   *
   * @throws UserError where the system is singular
   */
  correlations?(
    train: readonly number[],
    test: readonly number[],
    columns: readonly number[],
    penalties: readonly number[],
  ): Promise<Score[]>;
}

/** Variation below this share of a column's second moment is rounding noise: the column counts as constant. */
export const CONSTANT_SHARE = 1e-13;

/** Means of targets less the maps of the mean state; the value itself where a target is constant. */
export function interceptsOf(
  problem: Problem,
  cells: readonly number[],
  weights: Float64Array,
  wanted: readonly number[],
  mean: Float64Array,
  targetMean: Float64Array,
): Float64Array {
  const width = wanted.length;
  const mapped = new Float64Array(width);
  for (let j = 0, at = 0; j < mean.length; j++) {
    const m = mean[j]!;
    for (let t = 0; t < width; t++, at++) mapped[t] = mapped[t]! + m * weights[at]!;
  }
  return Float64Array.from(wanted, (column, t) =>
    isConstant(problem, cells, column) ? firstTarget(problem, cells, column) : targetMean[column]! - mapped[t]!,
  );
}

function firstTarget(problem: Problem, cells: readonly number[], column: number): number {
  const cell = cells.find((index) => problem.cells[index]!.length > 0)!;
  return targetOf(problem, problem.cells[cell]![0]!, column);
}
