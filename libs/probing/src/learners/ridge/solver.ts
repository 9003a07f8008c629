import { isConstant, type Problem } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';

/**
 * Ridge regression on the union of some cells: minimises Σ‖y − b − x·w‖² + penalty·‖w‖², the intercept b not
 * penalised. With scaling the penalty acts on the weights of columns divided by their standard deviation (divisor n)
 * over the training rows. A column that is constant there gets weight 0.
 */
export interface TrainingSet {
  readonly rows: number;
  /** Fits the given target columns; null where the system is singular to working precision at this penalty. */
  fit(penalty: number, columns: readonly number[]): Promise<LinearMaps | null>;
}

/** How a problem is solved: in the d weights (primal) or in the n rows (dual). Both give the same maps. */
export interface RidgeSolver {
  trainingSet(cells: readonly number[]): Promise<TrainingSet>;
  /** Σ(y − ŷ)² over the rows of some cells, for each of the maps' columns. */
  squaredErrors(maps: LinearMaps, cells: readonly number[]): Promise<Float64Array>;
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
  return Float64Array.from(wanted, (column, t) => {
    if (isConstant(problem, cells, column)) return firstTarget(problem, cells, column);
    let mapped = 0;
    for (let j = 0; j < mean.length; j++) mapped += mean[j]! * weights[j * width + t]!;
    return targetMean[column]! - mapped;
  });
}

function firstTarget(problem: Problem, cells: readonly number[], column: number): number {
  const cell = cells.find((index) => problem.cells[index]!.length > 0)!;
  return problem.targets[problem.cells[cell]![0]! * problem.columns + column]!;
}
