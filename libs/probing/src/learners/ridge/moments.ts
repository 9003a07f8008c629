import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { addInto, addPanels, addSelfProduct, type Panels, zeroPanels } from '../../algebra/panels.ts';
import { type Progress, UNTOLD } from '../../progress.ts';
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
  /** Σx·yᵀ by blocks of columns, as `columnBlocks` gives them, each small enough for a cache: [d, columns of the block] */
  readonly xy: readonly Float64Array[];
}

export async function momentsOf(
  gemm: Gemm,
  problem: Problem,
  rows: Int32Array,
  progress: Progress = UNTOLD,
): Promise<Moments> {
  const { d } = problem.states;
  const { columns } = problem;
  const blocks = [...columnBlocks(columns)];
  const xy = blocks.map((block) => new Float64Array(d * block.length));
  const moments: Moments = { ...zeroSums(d, columns), n: rows.length, xy };
  // Written over by each block of columns.
  const targets = new Float64Array(Math.min(COLUMNS, columns) * Math.min(CHUNK, rows.length));
  let done = 0;
  for (const chunk of chunks(rows)) {
    const count = chunk.length;
    const x = gatherTransposed(problem, chunk);
    await addSelfProduct(gemm, moments.xx, x, count);
    for (const [b, block] of blocks.entries()) {
      const ofBlock = gatherTargetsTransposed(problem, chunk, block, targets.subarray(0, block.length * count));
      addInto(xy[b]!, await gemm.multiply('nt', matrix(x, d, count), matrix(ofBlock, block.length, count)));
      addTargets(moments, ofBlock, block, count);
    }
    for (let j = 0, at = 0; j < d; j++) {
      let sum = 0;
      for (let r = 0; r < count; r++, at++) sum += x[at]!;
      moments.x[j] = moments.x[j]! + sum;
    }
    done += count;
    progress(done / rows.length);
  }
  return moments;
}

/** Adds targets [columns of the block, rows] to their sums. */
function addTargets({ y, yy }: Sums, targets: Float64Array, block: readonly number[], rows: number): void {
  let at = 0;
  for (const column of block) {
    let [sum, squares] = [0, 0];
    for (let r = 0; r < rows; r++, at++) {
      sum += targets[at]!;
      squares += targets[at]! * targets[at]!;
    }
    y[column] = y[column]! + sum;
    yy[column] = yy[column]! + squares;
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
  for (const { first, places, block, columns } of runsOf(wanted, y.length)) {
    const [own, ...others] = cells.map(({ xy }) => xy[block]!);
    for (let j = 0; j < d; j++) {
      const [row, start, ofState, ofMean] = [j * columns, j * width + first, x[j]!, mean[j]!];
      for (let i = 0, t = first; i < places.length; i++, t++) {
        into[start + i] = own![row + places[i]!]! - (centre[t]! * ofState + rest[t]! * ofMean);
      }
      for (const products of others) {
        for (let i = 0, at = start; i < places.length; i++, at++) into[at] = into[at]! + products[row + places[i]!]!;
      }
    }
  }
  return into;
}

/** Neighbours among some columns that lie in one block. */
interface Run {
  /** Place of the first one among the columns. */
  readonly first: number;
  readonly block: number;
  /** How many columns the block has, and the places of the run's there. */
  readonly columns: number;
  readonly places: Int32Array;
}

function runsOf(wanted: readonly number[], columns: number): Run[] {
  const runs: Run[] = [];
  for (let first = 0, end = 0; first < wanted.length; first = end) {
    const block = Math.floor(wanted[first]! / COLUMNS);
    while (end < wanted.length && Math.floor(wanted[end]! / COLUMNS) === block) end++;
    const places = Int32Array.from(wanted.slice(first, end), (column) => column - block * COLUMNS);
    runs.push({ first, block, columns: Math.min(COLUMNS, columns - block * COLUMNS), places });
  }
  return runs;
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
    for (const { first, places, block, columns } of runsOf(wanted, y.length)) {
      const products = xy[block]!;
      for (let j = 0; j < x.length; j++) {
        const [row, ofState] = [j * columns, x[j]!];
        for (let i = 0, t = first, at = j * width + first; i < places.length; i++, t++, at++) {
          mapped[t] = mapped[t]! + weights[at]! * ofState;
          cross[t] = cross[t]! + weights[at]! * products[row + places[i]!]!;
        }
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
