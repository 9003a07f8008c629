import type { Floats } from './adam.ts';

/** A probe's parameters for each of T targets: weights [T, d], then biases [T], in one array. */
export interface Shape {
  readonly d: number;
  readonly targets: number;
}

/** SmoothL1 (Huber with threshold 1) of a residual, and its slope. */
export function smoothL1(residual: number): number {
  const size = Math.abs(residual);
  return size < 1 ? 0.5 * residual * residual : size - 0.5;
}

/**
 * Gradient of the mean SmoothL1 loss over a batch, for the targets that are still trained.
 *
 * @param x [rows, d]: the batch's inputs after dropout
 * @param y [rows, targets]
 * @param gradient [T·d + T], overwritten for these targets
 */
export function batchGradient(
  { d, targets }: Shape,
  parameters: Floats,
  x: Floats,
  y: Floats,
  rows: number,
  active: readonly number[],
  gradient: Floats,
): void {
  const slopes = new Float64Array(rows);
  for (const t of active) {
    const start = t * d;
    const bias = parameters[targets * d + t]!;
    let total = 0;
    for (let r = 0; r < rows; r++) {
      const residual = bias + dot(parameters, start, x, r * d, d) - y[r * targets + t]!;
      const slope = Math.max(-1, Math.min(1, residual)) / rows;
      slopes[r] = slope;
      total += slope;
    }
    gradient[targets * d + t] = total;
    addRows(gradient, start, x, slopes, rows, d);
  }
}

/** gradient[start + j] = Σ_r slopes[r] · x[r, j], four rows at a time. */
function addRows(gradient: Floats, start: number, x: Floats, slopes: Float64Array, rows: number, d: number): void {
  gradient.fill(0, start, start + d);
  let r = 0;
  for (; r + 3 < rows; r += 4) {
    const [s0, s1, s2, s3] = [slopes[r]!, slopes[r + 1]!, slopes[r + 2]!, slopes[r + 3]!];
    const [x0, x1, x2, x3] = [r * d, (r + 1) * d, (r + 2) * d, (r + 3) * d];
    for (let j = 0; j < d; j++) {
      gradient[start + j] =
        gradient[start + j]! + (s0 * x[x0 + j]! + s1 * x[x1 + j]! + (s2 * x[x2 + j]! + s3 * x[x3 + j]!));
    }
  }
  for (; r < rows; r++) {
    const slope = slopes[r]!;
    const at = r * d;
    for (let j = 0; j < d; j++) gradient[start + j] = gradient[start + j]! + slope * x[at + j]!;
  }
}

/** Four running sums break the chain of additions that would bound the speed. */
export function dot(a: Floats, left: number, b: Floats, right: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += a[left + k]! * b[right + k]!;
    s1 += a[left + k + 1]! * b[right + k + 1]!;
    s2 += a[left + k + 2]! * b[right + k + 2]!;
    s3 += a[left + k + 3]! * b[right + k + 3]!;
  }
  for (; k < length; k++) s0 += a[left + k]! * b[right + k]!;
  return s0 + s1 + (s2 + s3);
}
