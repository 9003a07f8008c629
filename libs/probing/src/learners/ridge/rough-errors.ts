import { type Factor, solve } from '../../algebra/cholesky.ts';
import { type Gemm, type Matrix, matrix } from '../../algebra/gemm.ts';
import { COLUMNS, columnBlocks } from '../../rows.ts';
import type { TrainingSet } from '../penalised/solver.ts';
import type { Moments, Sums } from './moments.ts';

/** A training set as the centred system that its fits solve. */
export interface CentredSet extends TrainingSet {
  readonly moments: readonly Moments[];
  /** [d], [columns] */
  readonly mean: Float64Array;
  readonly targetMean: Float64Array;
  /** [d]: 0 where a state's column is constant, else 1. */
  readonly kept: Float64Array;
  /** Whether a target column has more than one value. */
  varies(column: number): boolean;
  /** At least the largest eigenvalue of what the penalty is added to. */
  readonly largest: number;
  factorAt(penalty: number): Promise<Factor | null>;
}

/** Rows to test on, as moments. */
export interface RoughTest {
  readonly moments: readonly Moments[];
  readonly sums: Sums;
  /** Σx·xᵀ [d, d] */
  readonly gram: Float32Array;
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
  tests: readonly RoughTest[],
): Promise<(Float64Array[] | null)[]> {
  const d = set.mean.length;
  const tried: { readonly inverse: Float32Array; readonly errors: Float64Array[] }[] = [];
  const results: (Float64Array[] | null)[] = [];
  for (const penalty of penalties) {
    const factor = penalty < LEAST * set.largest ? null : await set.factorAt(penalty);
    const errors = factor && tests.map(() => new Float64Array(columns.length));
    results.push(errors);
    if (errors) tried.push({ inverse: new Float32Array(await solve(gemm, factor!, identity(d), d)), errors });
  }
  if (tried.length === 0) return results;
  // Written over by each block of columns.
  const [right, weights, product] = [1, 2, 3].map(() => new Float32Array(Math.min(COLUMNS, columns.length) * d));
  for (const block of columnBlocks(columns.length)) {
    const some = block.map((place) => columns[place]!);
    const rowsOf = (data: Float32Array | undefined) => matrix(data!.subarray(0, some.length * d), some.length, d);
    setRightSides(set, some, right!);
    for (const { inverse, errors } of tried) {
      await gemm.multiplySingle('nn', rowsOf(right), square(inverse, d), rowsOf(weights));
      for (const [i, test] of tests.entries()) {
        await gemm.multiplySingle('nn', rowsOf(weights), square(test.gram, d), rowsOf(product));
        for (const [t, column] of some.entries()) {
          errors[i]![block[t]!] = squaredError(set, test, column, weights!, product!, t * d);
        }
      }
    }
  }
  return results;
}

/** [wanted, d]; zeros for a column that is constant. */
function setRightSides(
  { moments, mean, targetMean, kept, varies }: CentredSet,
  wanted: readonly number[],
  into: Float32Array,
): void {
  const d = mean.length;
  const n = moments.reduce((sum, cell) => sum + cell.n, 0);
  const sums = new Float64Array(d);
  for (const [t, column] of wanted.entries()) {
    if (!varies(column)) {
      into.fill(0, t * d, (t + 1) * d);
      continue;
    }
    const centre = n * targetMean[column]!;
    for (let j = 0; j < d; j++) sums[j] = -centre * mean[j]!;
    for (const { xy } of moments) for (let j = 0, at = column * d; j < d; j++, at++) sums[j] = sums[j]! + xy[at]!;
    for (let j = 0, at = t * d; j < d; j++, at++) into[at] = kept[j]! * sums[j]!;
  }
}

/** Σ (y − b − w·x)² over a test's rows, of the weights w from `start` on, whose product with the test's x·xᵀ is given. */
function squaredError(
  { mean, targetMean }: CentredSet,
  { moments, sums }: RoughTest,
  column: number,
  weights: Float32Array,
  product: Float32Array,
  start: number,
): number {
  const d = mean.length;
  const { n, x } = sums;
  let [ofMean, mapped, squares, cross] = [0, 0, 0, 0];
  for (let j = 0, at = start; j < d; j++, at++) {
    const w = weights[at]!;
    ofMean += w * mean[j]!;
    mapped += w * x[j]!;
    squares += w * product[at]!;
  }
  for (const { xy } of moments) {
    for (let j = 0, at = start, from = column * d; j < d; j++, at++, from++) cross += weights[at]! * xy[from]!;
  }
  const b = targetMean[column]! - ofMean;
  const ofTarget = sums.yy[column]! - 2 * b * sums.y[column]! + n * b * b;
  return Math.max(0, ofTarget - 2 * cross + 2 * b * mapped + squares);
}

function square(data: Float32Array, d: number): Matrix<Float32Array> {
  return matrix(data, d, d);
}

function identity(size: number): Float64Array {
  return new Float64Array(size * size).map((_, i) => (i % (size + 1) === 0 ? 1 : 0));
}
