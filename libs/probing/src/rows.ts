import { UserError } from '@sonde/base';

/** States too large for memory, read by row number as they are needed: [rows, d], row-major. */
export interface StateReader {
  /** How many there are. */
  readonly rows: number;
  read(rows: Int32Array): Float32Array;
}

/** Hidden states of one layer: [n, d], row-major. */
export interface States {
  readonly values: Float32Array | StateReader;
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
  /** [n, leading], less `targetShift`; rows in no cell are never read. See `targetOf`. */
  readonly targets: Float64Array;
  readonly columns: number;
  /**
   * Of each permutation and control task, the row [n] whose target a row is given; column leading + t · sources + s is
   * target t's.
   */
  readonly sources?: readonly Int32Array[];
  /** [columns] */
  readonly targetShift: Float64Array;
  /** The first so many columns are targets; the rest are targets moved between rows. */
  readonly leading: number;
  /** Columns that are the classes of one categorical target each, in one set; other columns are in none. */
  readonly categories?: readonly (readonly number[])[];
  /** For each column, the columns whose inner errors choose its setting (a penalty, say): itself, or others. */
  readonly tunedOn: readonly (readonly number[])[];
}

/** So many rows are in memory at once. */
export const CHUNK = 1024;
const ROW_BAND = 16;

export function rowCount(states: States): number {
  if (!(states.values instanceof Float32Array)) return states.values.rows;
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
 * @param nameOf what a row is called in an error
 * @throws UserError that names the first row with a number that is not finite
 */
export function stateShift(states: States, nameOf: (row: number) => string = (row) => `state ${row}`): Float64Array {
  const { d } = states;
  const n = rowCount(states);
  const mean = new Float64Array(d);
  forEachRow(states, (_, values, at) => {
    for (let j = 0; j < d; j++) mean[j] = mean[j]! + values[at + j]!;
  });
  if (!mean.every(Number.isFinite)) throw notFinite(states, nameOf);
  return mean.map((sum) => (n === 0 ? 0 : Math.fround(sum / n)));
}

function notFinite(states: States, nameOf: (row: number) => string): UserError {
  let found = '';
  forEachRow(states, (row, values, at) => {
    for (let j = 0; j < states.d && found === ''; j++) {
      if (!Number.isFinite(values[at + j]!)) found = `Dimension ${j} of ${nameOf(row)} is ${values[at + j]}`;
    }
  });
  return new UserError('argument', `${found}; leave such rows out before probing.`);
}

/** Every state in order, a piece of them in memory at a time: state `row` is values[at … at + d). */
export function forEachRow(states: States, take: (row: number, values: Float32Array, at: number) => void): void {
  const n = rowCount(states);
  const all = states.values instanceof Float32Array ? states.values : null;
  for (let start = 0; start < n; start += CHUNK) {
    const count = Math.min(CHUNK, n - start);
    const values =
      all ??
      rawRows(
        states,
        Int32Array.from({ length: count }, (_, r) => start + r),
      ).values;
    const first = all === null ? 0 : start;
    for (let r = 0; r < count; r++) take(start + r, values, (first + r) * states.d);
  }
}

/** Where the states of some rows are: that of rows[r] begins at `at(r)`. */
export function rawRows({ values, d }: States, rows: Int32Array): { values: Float32Array; at: (r: number) => number } {
  if (values instanceof Float32Array) return { values, at: (r) => rows[r]! * d };
  return { values: values.read(rows), at: (r) => r * d };
}

/** The shifted target of a row in a column, which may be one moved between rows. */
export function targetOf({ targets, leading, sources }: Problem, row: number, column: number): number {
  if (column < leading) return targets[row * leading + column]!;
  const own = column - leading;
  const count = sources!.length;
  return targets[sources![own % count]![row]! * leading + Math.floor(own / count)]!;
}

/** The shifted targets of a row in all columns behind the leading ones, in their order. */
export function movedTargets({ targets, leading, sources = [] }: Problem, row: number, into: Float64Array): void {
  const count = sources.length;
  for (let s = 0; s < count; s++) {
    const from = sources[s]![row]! * leading;
    for (let t = 0; t < leading; t++) into[t * count + s] = targets[from + t]!;
  }
}

/** Pieces of at most 1,024 rows. */
export function* chunks(rows: Int32Array): Generator<Int32Array> {
  for (let start = 0; start < rows.length; start += CHUNK) yield rows.subarray(start, start + CHUNK);
}

/** Shifted states of some rows as [d, rows]. */
export function gatherTransposed(problem: Pick<Problem, 'states' | 'shift'>, rows: Int32Array): Float64Array {
  const { d } = problem.states;
  const count = rows.length;
  const { values, at: from } = rawRows(problem.states, rows);
  const out = new Float64Array(d * count);
  for (let band = 0; band < count; band += ROW_BAND) {
    const end = Math.min(count, band + ROW_BAND);
    for (let j = 0; j < d; j++) {
      const shift = problem.shift[j]!;
      for (let r = band, at = j * count + band; r < end; r++, at++) out[at] = values[from(r) + j]! - shift;
    }
  }
  return out;
}

/** Shifted states of some rows as [rows, d]. */
export function gather(problem: Pick<Problem, 'states' | 'shift'>, rows: Int32Array): Float64Array {
  const { d } = problem.states;
  const { values, at: start } = rawRows(problem.states, rows);
  const out = new Float64Array(rows.length * d);
  for (let r = 0, at = 0; r < rows.length; r++) {
    const from = start(r);
    for (let j = 0; j < d; j++, at++) out[at] = values[from + j]! - problem.shift[j]!;
  }
  return out;
}

/** Shifted targets of some rows as [rows, columns]. */
export function gatherTargets(problem: Problem, rows: Int32Array): Float64Array {
  const { columns, leading, targets } = problem;
  const out = new Float64Array(rows.length * columns);
  for (const [r, row] of rows.entries()) {
    out.set(targets.subarray(row * leading, (row + 1) * leading), r * columns);
    movedTargets(problem, row, out.subarray(r * columns + leading, (r + 1) * columns));
  }
  return out;
}

/** Shifted targets of some rows in some columns as [columns, rows], written to `out`. */
export function gatherTargetsTransposed(
  problem: Problem,
  rows: Int32Array,
  columns: readonly number[],
  out: Float64Array,
): Float64Array {
  const { leading, targets, sources = [] } = problem;
  let at = 0;
  for (const column of columns) {
    const own = column - leading;
    const target = own < 0 ? column : Math.floor(own / sources.length);
    const source = own < 0 ? null : sources[own % sources.length]!;
    for (let r = 0; r < rows.length; r++, at++) {
      const row = rows[r]!;
      out[at] = targets[(source === null ? row : source[row]!) * leading + target]!;
    }
  }
  return out;
}

/** So many columns are worked on at once: their solutions stay in the processor's cache. */
export const COLUMNS = 512;

/** Numbers 0 … columns − 1 in pieces of at most 512. */
export function* columnBlocks(columns: number): Generator<number[]> {
  for (let start = 0; start < columns; start += COLUMNS) {
    yield Array.from({ length: Math.min(COLUMNS, columns - start) }, (_, i) => start + i);
  }
}

/** Whether a target column has one value only in the given cells. */
export function isConstant(problem: Problem, cells: readonly number[], column: number): boolean {
  let first: number | undefined;
  for (const cell of cells) {
    for (const row of problem.cells[cell]!) {
      const value = targetOf(problem, row, column);
      first ??= value;
      if (value !== first) return false;
    }
  }
  return true;
}

export function rowsIn(problem: Problem, cells: readonly number[]): number {
  return cells.reduce((sum, cell) => sum + problem.cells[cell]!.length, 0);
}
