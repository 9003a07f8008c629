/** Variation below this share of the mean is rounding noise: the values count as constant. */
const CONSTANT_SHARE = 1e-13;

/** Moments of each column of a matrix [n, columns]. */
export interface ColumnMoments {
  readonly mean: Float64Array;
  /** Σ(value − mean)² */
  readonly squares: Float64Array;
  /** Whether a column varies no more than rounding does. */
  constant(column: number): boolean;
}

/** @param values [n, columns], row-major */
export function columnMoments(values: Float64Array, columns: number): ColumnMoments {
  const n = values.length / columns;
  const mean = new Float64Array(columns);
  const squares = new Float64Array(columns);
  for (let row = 0, at = 0; row < n; row++) {
    for (let c = 0; c < columns; c++, at++) mean[c] = mean[c]! + (values[at]! - values[c]!) / n;
  }
  for (let c = 0; c < columns && n > 0; c++) mean[c] = values[c]! + mean[c]!;
  for (let row = 0, at = 0; row < n; row++) {
    for (let c = 0; c < columns; c++, at++) squares[c] = squares[c]! + (values[at]! - mean[c]!) ** 2;
  }
  const constant = (c: number) => !(Math.sqrt(squares[c]! / n) > CONSTANT_SHARE * Math.abs(mean[c]!));
  return { mean, squares, constant };
}

/** Pearson's correlation of column c of x with column c of y, both [n, columns]; NaN where one is constant. */
export function columnPearson(
  x: Float64Array,
  y: Float64Array,
  columns: number,
  ofX: ColumnMoments = columnMoments(x, columns),
  ofY: ColumnMoments = columnMoments(y, columns),
): Float64Array {
  const products = new Float64Array(columns);
  for (let at = 0; at < x.length; ) {
    for (let c = 0; c < columns; c++, at++) {
      products[c] = products[c]! + (x[at]! - ofX.mean[c]!) * (y[at]! - ofY.mean[c]!);
    }
  }
  return products.map((product, c) => {
    if (ofX.constant(c) || ofY.constant(c)) return Number.NaN;
    const r = product / Math.sqrt(ofX.squares[c]!) / Math.sqrt(ofY.squares[c]!);
    return Math.max(-1, Math.min(1, r));
  });
}

/** Centres values to mean 0 and scales them to length 1, in place; false where they do not vary beyond rounding. */
export function toUnitVector(values: Float64Array): boolean {
  const first = values[0]!;
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += (values[i]! - first) / values.length;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const centred = values[i]! - first - mean;
    values[i] = centred;
    largest = Math.max(largest, Math.abs(centred));
  }
  if (!(largest > CONSTANT_SHARE * Math.abs(first + mean))) return false;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! / largest) ** 2;
  const norm = largest * Math.sqrt(squares);
  for (let i = 0; i < values.length; i++) values[i] = values[i]! / norm;
  return true;
}

/** Standard deviation with divisor n − 1; null for fewer than two values. */
export function standardDeviation(values: Float64Array): number | null {
  if (values.length < 2) return null;
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}
