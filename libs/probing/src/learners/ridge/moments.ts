import { type Gemm, type Matrix, matrix } from '../../algebra/gemm.ts';
import { addInto, addPanels, addSelfProduct, type Panels, zeroPanels } from '../../algebra/panels.ts';
import {
  CHUNK,
  COLUMNS,
  chunks,
  columnBlocks,
  gatherTargetsTransposed,
  gatherTransposed,
  type Problem,
} from '../../rows.ts';

/** Sums over rows of shifted states x and targets y, but for their products. */
export interface Sums {
  n: number;
  /** Σx [d] */
  readonly x: Float64Array;
  /** Σy, Σy² [columns] */
  readonly y: Float64Array;
  readonly yy: Float64Array;
  /** Σx·xᵀ */
  readonly xx: Panels;
}

export interface Moments extends Sums {
  /** Σx·yᵀ [d, columns] */
  readonly xy: Float64Array;
}

export async function momentsOf(gemm: Gemm, problem: Problem, rows: Int32Array): Promise<Moments> {
  const { d } = problem.states;
  const { columns } = problem;
  const moments: Moments = { ...zeroSums(d, columns), n: rows.length, xy: new Float64Array(d * columns) };
  // Written over by each block of columns.
  const targets = new Float64Array(Math.min(COLUMNS, columns) * Math.min(CHUNK, rows.length));
  for (const chunk of chunks(rows)) {
    const count = chunk.length;
    const x = gatherTransposed(problem, chunk);
    await addSelfProduct(gemm, moments.xx, x, count);
    for (const block of columnBlocks(columns)) {
      await addTargets(gemm, problem, moments, matrix(x, d, count), chunk, block, targets);
    }
    for (let j = 0, at = 0; j < d; j++) {
      let sum = 0;
      for (let r = 0; r < count; r++, at++) sum += x[at]!;
      moments.x[j] = moments.x[j]! + sum;
    }
  }
  return moments;
}

/** Adds what the targets of some rows, whose states are x [d, rows], contribute in some columns, which are neighbours. */
async function addTargets(
  gemm: Gemm,
  problem: Problem,
  { y, yy, xy }: Moments,
  x: Matrix,
  rows: Int32Array,
  block: readonly number[],
  into: Float64Array,
): Promise<void> {
  const [count, width, first] = [rows.length, block.length, block[0]!];
  const targets = gatherTargetsTransposed(problem, rows, block, into.subarray(0, width * count));
  const product = await gemm.multiply('nt', x, matrix(targets, width, count));
  for (let j = 0, from = 0; j < x.rows; j++) {
    for (let t = 0, at = j * y.length + first; t < width; t++, at++, from++) xy[at] = xy[at]! + product[from]!;
  }
  for (let t = 0, at = 0; t < width; t++) {
    let [sum, squares] = [0, 0];
    for (let r = 0; r < count; r++, at++) {
      sum += targets[at]!;
      squares += targets[at]! * targets[at]!;
    }
    y[first + t] = y[first + t]! + sum;
    yy[first + t] = yy[first + t]! + squares;
  }
}

/** The sums over several cells; their products with targets are in `crossAbout`. */
export function sumsOver(cells: readonly Moments[]): Sums {
  const [first] = cells;
  if (cells.length === 1) return first!;
  const total = zeroSums(first!.x.length, first!.y.length);
  for (const { n, x, y, yy, xx } of cells) {
    total.n += n;
    addInto(total.x, x);
    addInto(total.y, y);
    addInto(total.yy, yy);
    addPanels(total.xx, xx);
  }
  return total;
}

/** What states and targets are centred on. */
export interface Means {
  /** [d], [columns] */
  readonly mean: Float64Array;
  readonly targetMean: Float64Array;
}

/** Σ(x − mean)·(y − targetMean)ᵀ over several cells, whose sums are given, for some columns: [d, wanted.length]. */
export function crossAbout(
  { mean, targetMean }: Means,
  cells: readonly Moments[],
  { n, x, y }: Sums,
  wanted: readonly number[],
  into: Float64Array,
): Float64Array {
  const [d, width] = [x.length, wanted.length];
  const centre = Float64Array.from(wanted, (column) => targetMean[column]!);
  const rest = Float64Array.from(wanted, (column) => y[column]! - n * targetMean[column]!);
  for (let j = 0; j < d; j++) {
    const [ofState, ofMean, first] = [x[j]!, mean[j]!, j * width];
    for (let t = 0; t < width; t++) into[first + t] = -(centre[t]! * ofState + rest[t]! * ofMean);
    for (const { xy } of cells) {
      const row = j * y.length;
      for (let t = 0, at = first; t < width; t++, at++) into[at] = into[at]! + xy[row + wanted[t]!]!;
    }
  }
  return into;
}

/** Of some columns' maps w over some rows: Σ w·x, Σ (w·x)·y and Σ (w·x)². */
export interface MappedSums {
  readonly mapped: Float64Array;
  readonly cross: Float64Array;
  readonly squares: Float64Array;
}

/** Of maps w [d, wanted.length] over the rows of some cells: all but the squares, which `quadraticForms` gives. */
export function mappedSums(
  cells: readonly Moments[],
  wanted: readonly number[],
  weights: Float64Array,
): Omit<MappedSums, 'squares'> {
  const width = wanted.length;
  const [mapped, cross] = [new Float64Array(width), new Float64Array(width)];
  for (const { x, y, xy } of cells) {
    for (let j = 0, at = 0; j < x.length; j++) {
      const [row, ofState] = [j * y.length, x[j]!];
      for (let t = 0; t < width; t++, at++) {
        mapped[t] = mapped[t]! + weights[at]! * ofState;
        cross[t] = cross[t]! + weights[at]! * xy[row + wanted[t]!]!;
      }
    }
  }
  return { mapped, cross };
}

/** Σ (y − b − w·x)² of each of some columns. */
export function squaredErrors(
  { n, y, yy }: Sums,
  wanted: readonly number[],
  intercepts: Float64Array,
  { mapped, cross, squares }: MappedSums,
): Float64Array {
  return Float64Array.from(wanted, (column, t) => {
    const b = intercepts[t]!;
    const ofTarget = yy[column]! - 2 * b * y[column]! + n * b * b;
    return Math.max(0, ofTarget - 2 * cross[t]! + 2 * b * mapped[t]! + squares[t]!);
  });
}

function zeroSums(d: number, columns: number): Sums {
  const zeros = (size: number) => new Float64Array(size);
  return { n: 0, x: zeros(d), y: zeros(columns), yy: zeros(columns), xx: zeroPanels(d) };
}
