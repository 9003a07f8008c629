import type { LinearMaps } from '../linear.ts';

/** The union of some cells, to fit on: minimises loss + penalty · ‖w‖², the intercept not penalised. */
export interface TrainingSet {
  readonly rows: number;
  /** Fits the given target columns; null where the system is singular to working precision at this penalty. */
  fit(penalty: number, columns: readonly number[]): Promise<LinearMaps | null>;
  /**
   * The same at each penalty, to choose among them: to 1e-9 of what `fit` gives, where that is faster. Absent where it
   * never is.
   */
  fitAll?(penalties: readonly number[], columns: readonly number[]): Promise<(LinearMaps | null)[]>;
}

/**
 * How penalised linear probes of a problem are fitted. With scaling the penalty acts on the weights of columns divided
 * by their standard deviation (divisor n) over the training rows. A column that is constant there gets weight 0.
 */
export interface PenalisedSolver {
  trainingSet(cells: readonly number[]): Promise<TrainingSet>;
  /** The loss over the rows of some cells, summed, for each of the maps' columns. */
  errors(maps: LinearMaps, cells: readonly number[]): Promise<Float64Array>;
  /**
   * At each penalty, errors on each of some tests of columns fitted on a training set, [tests][columns], to float32's
   * precision: to choose among penalties. Null where that is not as precise. Undefined where it is no faster; absent
   * where it never is.
   */
  roughErrors?(
    train: readonly number[],
    penalties: readonly number[],
    columns: readonly number[],
    tests: readonly (readonly number[])[],
  ): Promise<(Float64Array[] | null)[] | undefined>;
}
