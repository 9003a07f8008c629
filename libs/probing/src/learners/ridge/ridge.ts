import { isConstant, type Problem, targetOf } from '../../rows.ts';

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
  return targetOf(problem, problem.cells[cell]![0]!, column);
}
