import { type Gemm, type Matrix, matrix } from '../../algebra/gemm.ts';
import { addInto, addPanels, addSelfProduct, type Panels, zeroPanels } from '../../algebra/panels.ts';
import { chunks, columnBlocks, gatherTargetsTransposed, gatherTransposed, type Problem } from '../../rows.ts';

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
  /** Σy·xᵀ [columns, d] */
  readonly xy: Float64Array;
}

export async function momentsOf(gemm: Gemm, problem: Problem, rows: Int32Array): Promise<Moments> {
  const { d } = problem.states;
  const { columns } = problem;
  const moments: Moments = { ...zeroSums(d, columns), n: rows.length, xy: new Float64Array(d * columns) };
  for (const chunk of chunks(rows)) {
    const count = chunk.length;
    const x = gatherTransposed(problem, chunk);
    await addSelfProduct(gemm, moments.xx, x, count);
    for (const block of columnBlocks(columns))
      await addTargets(gemm, problem, moments, matrix(x, d, count), chunk, block);
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
): Promise<void> {
  const [count, width] = [rows.length, block.length];
  const targets = gatherTargetsTransposed(problem, rows, block);
  const product = await gemm.multiply('nt', matrix(targets, width, count), x);
  addInto(xy.subarray(block[0]! * x.rows), product);
  for (let t = 0, at = 0; t < width; t++) {
    let [sum, squares] = [0, 0];
    for (let r = 0; r < count; r++, at++) {
      sum += targets[at]!;
      squares += targets[at]! * targets[at]!;
    }
    y[block[t]!] = y[block[t]!]! + sum;
    yy[block[t]!] = yy[block[t]!]! + squares;
  }
}

/** The sums over several cells; their products with targets are in `crossSums`. */
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

/** Columns whose sums are turned at once, so that both sides of the copy stay in the cache. */
const BAND = 16;

/** Σx·yᵀ over several cells, for some columns: [d, wanted.length]. */
export function crossSums(cells: readonly Moments[], wanted: readonly number[]): Float64Array {
  const [d, width] = [cells[0]!.x.length, wanted.length];
  const total = new Float64Array(d * width);
  for (const { xy } of cells) {
    for (let band = 0; band < width; band += BAND) {
      const end = Math.min(width, band + BAND);
      for (let j = 0; j < d; j++) {
        for (let t = band, at = j * width + band; t < end; t++, at++) total[at] = total[at]! + xy[wanted[t]! * d + j]!;
      }
    }
  }
  return total;
}

/** Of maps w [d, wanted.length] over the rows of some cells: Σ w·x and Σ (w·x)·y. */
export function mappedSums(
  cells: readonly Moments[],
  wanted: readonly number[],
  weights: Float64Array,
): { readonly mapped: Float64Array; readonly cross: Float64Array } {
  const [d, width] = [cells[0]!.x.length, wanted.length];
  const [mapped, cross] = [new Float64Array(width), new Float64Array(width)];
  for (const { x, xy } of cells) {
    for (let band = 0; band < width; band += BAND) {
      const end = Math.min(width, band + BAND);
      for (let j = 0; j < d; j++) {
        for (let t = band, at = j * width + band; t < end; t++, at++) {
          mapped[t] = mapped[t]! + weights[at]! * x[j]!;
          cross[t] = cross[t]! + weights[at]! * xy[wanted[t]! * d + j]!;
        }
      }
    }
  }
  return { mapped, cross };
}

/** Σ (y − b − w·x)² of each of some columns, from what `mappedSums` gives and Σ (w·x)². */
export function squaredErrors(
  { n, y, yy }: Sums,
  wanted: readonly number[],
  intercepts: Float64Array,
  { mapped, cross, squares }: { mapped: Float64Array; cross: Float64Array; squares: Float64Array },
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
