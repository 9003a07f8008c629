import { type Factor, inverse } from '../../algebra/cholesky.ts';
import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { copyPanels, fullMatrix, PANEL, type Panels, panelWidth, subtractOuter } from '../../algebra/panels.ts';
import { COLUMNS, columnBlocks } from '../../rows.ts';
import type { TrainingSet } from '../penalised/solver.ts';
import { crossAbout, type Means, type Moments, type Sums, sumsOver } from './moments.ts';

/** A training set as the centred system that its fits solve. */
export interface CentredSet extends TrainingSet, Means {
  /** [d, wanted.length]: zeros where a state's or target's column is constant. */
  rightSides(wanted: readonly number[], into?: Float64Array): Float64Array;
  /** At least the largest eigenvalue of what the penalty is added to. */
  readonly largest: number;
  factorAt(penalty: number): Promise<Factor | null>;
}

/** Rows to test on, as moments about the means of a training set. */
interface Test {
  readonly moments: readonly Moments[];
  readonly sums: Sums;
  /**
   * Half of Σ(x − mean)·(x − mean)ᵀ, what it is the sum of with its transpose: the panels of its lower triangle turned,
   * for products with what is not turned are faster.
   */
  readonly half: readonly Float32Array[];
  /** Σ(x − mean)·(y − targetMean)ᵀ of the columns at work. */
  readonly cross: Float32Array;
}

/** A penalty of a smaller share of the largest eigenvalue leaves too few of float32's digits. */
const LEAST = 1e-6;

/**
 * At each penalty, squared errors, [tests][columns], of ridge fits of many columns, by float32 products with the inverse:
 * to six digits or so, in less than half the time. Null where float32 has too few digits.
 */
export async function roughErrors(
  gemm: Gemm,
  set: CentredSet,
  penalties: readonly number[],
  columns: readonly number[],
  tested: readonly (readonly Moments[])[],
): Promise<(Float64Array[] | null)[]> {
  const d = set.mean.length;
  const tried: { readonly inverse: Float32Array; readonly errors: Float64Array[] }[] = [];
  const results: (Float64Array[] | null)[] = [];
  for (const penalty of penalties) {
    const factor = penalty < LEAST * set.largest ? null : await set.factorAt(penalty);
    const errors = factor && tested.map(() => new Float64Array(columns.length));
    results.push(errors);
    if (errors) tried.push({ inverse: new Float32Array(fullMatrix(await inverse(gemm, factor!))), errors });
  }
  if (tried.length === 0) return results;
  const most = Math.min(COLUMNS, columns.length);
  const tests = tested.map((moments) => testOn(set, moments, most));
  // Written over by each block of columns.
  const exact = new Float64Array(d * most);
  const right = new Float32Array(d * most);
  for (const block of columnBlocks(columns.length)) {
    const some = block.map((place) => columns[place]!);
    const into = exact.subarray(0, d * some.length);
    right.set(set.rightSides(some, into));
    for (const { moments, sums, cross } of tests) cross.set(crossAbout(set, moments, sums, some, into));
    for (const { inverse, errors } of tried) {
      const sides = matrix(right.subarray(0, into.length), d, some.length);
      const weights = await gemm.multiply('nn', matrix(inverse, d, d), sides);
      for (const [i, test] of tests.entries()) {
        const ofBlock = await squaredErrors(gemm, set, test, some, weights);
        for (const [t, place] of block.entries()) errors[i]![place] = ofBlock[t]!;
      }
    }
  }
  return results;
}

function testOn({ mean }: Means, moments: readonly Moments[], columns: number): Test {
  const sums = sumsOver(moments);
  const { n, x } = sums;
  const own = x.map((value) => value / n);
  const about = copyPanels(sums.xx);
  subtractOuter(about, own, n);
  subtractOuter(
    about,
    own.map((value, j) => value - mean[j]!),
    -n,
  );
  return { moments, sums, half: halfOf(about), cross: new Float32Array(x.length * columns) };
}

function halfOf({ size, panels }: Panels): Float32Array[] {
  return panels.map((panel, k) => {
    const [rows, width] = [size - k * PANEL, panelWidth(size, k)];
    const half = new Float32Array(panel.length);
    for (let i = 0, from = 0; i < rows; i++) {
      const share = i < width ? 0.5 : 1;
      for (let j = 0, at = i; j < width; j++, at += rows, from++) half[at] = share * panel[from]!;
    }
    return half;
  });
}

/** Σ (y − ȳ − w·(x − x̄))² over a test's rows, about a training set's means, of the weights w [d, wanted.length]. */
async function squaredErrors(
  gemm: Gemm,
  { mean, targetMean }: Means,
  { sums: { n, y, yy }, half, cross }: Test,
  wanted: readonly number[],
  weights: Float32Array,
): Promise<Float64Array> {
  const [d, width] = [mean.length, wanted.length];
  const explained = new Float64Array(width);
  for (const [k, panel] of half.entries()) {
    const [start, end] = [k * PANEL, k * PANEL + panelWidth(d, k)];
    const right = matrix(panel, end - start, d - start);
    const tail = matrix(weights.subarray(start * width), d - start, width);
    const ofRows = cross.subarray(start * width, end * width);
    const rest = await gemm.subtract('nn', right, tail, ofRows);
    for (let i = 0, at = start * width; i < rest.length; ) {
      for (let t = 0; t < width; t++, i++, at++) explained[t] = explained[t]! + weights[at]! * rest[i]!;
    }
  }
  return explained.map((value, t) => {
    const [column, centre] = [wanted[t]!, targetMean[wanted[t]!]!];
    return Math.max(0, yy[column]! - 2 * centre * y[column]! + n * centre * centre - 2 * value);
  });
}
