import { UserError } from '@sonde/base';

/** Hidden states of one layer: [n, d], row-major. */
export interface States {
  readonly values: Float32Array;
  readonly d: number;
}

/**
 * Rows to fit on, divided into cells; every training and test set is a union of cells. States and targets are seen
 * less a shift each, so that large means cost no digits.
 */
export interface Problem {
  readonly states: States;
  /** [d]: subtracted from every state. */
  readonly shift: Float64Array;
  /** Rows of each cell, as row numbers of `states`. */
  readonly cells: readonly Int32Array[];
  /** [n, columns], less `targetShift`; rows in no cell are never read. */
  readonly targets: Float64Array;
  readonly columns: number;
  /** [columns] */
  readonly targetShift: Float64Array;
  /** The first so many columns are targets; the rest are targets permuted. */
  readonly leading: number;
  /** For each column, the columns whose inner errors choose its setting (a penalty, say): itself, or others. */
  readonly tunedOn: readonly (readonly number[])[];
}

const CHUNK = 1024;
const ROW_BAND = 16;

export function rowCount(states: States): number {
  if (!Number.isInteger(states.d) || states.d < 1 || states.values.length % states.d !== 0) {
    throw new UserError(
      'argument',
      `${states.values.length} numbers do not divide into states of ${states.d} dimensions.`,
    );
  }
  return states.values.length / states.d;
}

/**
 * The mean of all states rounded to float32: of float32 states less a float32 shift every difference is close to
 * exact in float64, and a constant column becomes exactly zero.
 *
 * @throws UserError that names the first row with a number that is not finite
 */
export function stateShift(states: States): Float64Array {
  const { values, d } = states;
  const n = rowCount(states);
  const mean = new Float64Array(d);
  for (let row = 0, at = 0; row < n; row++) {
    for (let j = 0; j < d; j++, at++) mean[j] = mean[j]! + values[at]!;
  }
  for (let j = 0; j < d; j++) {
    if (!Number.isFinite(mean[j]!)) {
      for (let row = 0; row < n; row++) {
        const value = values[row * d + j]!;
        if (!Number.isFinite(value)) {
          throw new UserError(
            'argument',
            `Dimension ${j} of state ${row} is ${value}; leave such rows out before probing.`,
          );
        }
      }
    }
    mean[j] = n === 0 ? 0 : Math.fround(mean[j]! / n);
  }
  return mean;
}

/** Pieces of at most 1,024 rows. */
export function* chunks(rows: Int32Array): Generator<Int32Array> {
  for (let start = 0; start < rows.length; start += CHUNK) yield rows.subarray(start, start + CHUNK);
}

/** Shifted states of some rows as [d, rows]. */
export function gatherTransposed(problem: Pick<Problem, 'states' | 'shift'>, rows: Int32Array): Float64Array {
  const { values, d } = problem.states;
  const count = rows.length;
  const out = new Float64Array(d * count);
  for (let band = 0; band < count; band += ROW_BAND) {
    const end = Math.min(count, band + ROW_BAND);
    for (let j = 0; j < d; j++) {
      const shift = problem.shift[j]!;
      for (let r = band, at = j * count + band; r < end; r++, at++) out[at] = values[rows[r]! * d + j]! - shift;
    }
  }
  return out;
}

/** Shifted states of some rows as [rows, d]. */
export function gather(problem: Pick<Problem, 'states' | 'shift'>, rows: Int32Array): Float64Array {
  const { values, d } = problem.states;
  const out = new Float64Array(rows.length * d);
  for (let r = 0, at = 0; r < rows.length; r++) {
    const from = rows[r]! * d;
    for (let j = 0; j < d; j++, at++) out[at] = values[from + j]! - problem.shift[j]!;
  }
  return out;
}

/** Shifted targets of some rows as [rows, columns]. */
export function gatherTargets(problem: Problem, rows: Int32Array): Float64Array {
  const { targets, columns } = problem;
  const out = new Float64Array(rows.length * columns);
  for (let r = 0; r < rows.length; r++) {
    const from = rows[r]! * columns;
    out.set(targets.subarray(from, from + columns), r * columns);
  }
  return out;
}

/** Whether a target column has one value only in the given cells. */
export function isConstant(problem: Problem, cells: readonly number[], column: number): boolean {
  let first: number | undefined;
  for (const cell of cells) {
    for (const row of problem.cells[cell]!) {
      const value = problem.targets[row * problem.columns + column]!;
      first ??= value;
      if (value !== first) return false;
    }
  }
  return true;
}

export function rowsIn(problem: Problem, cells: readonly number[]): number {
  return cells.reduce((sum, cell) => sum + problem.cells[cell]!.length, 0);
}
