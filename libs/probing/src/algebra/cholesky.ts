import { type Gemm, matrix } from './gemm.ts';
import { PANEL, type Panels, panelWidth } from './panels.ts';

/** The factor L of A = L·Lᵀ, with the inverse of each diagonal tile. */
export interface Factor {
  readonly size: number;
  readonly panels: readonly Float64Array[];
  readonly inverses: readonly Float64Array[];
}

/** A pivot below this share of its diagonal entry is rounding noise. */
const SINGULAR = 2e-15;

/**
 * Blocked left-looking Cholesky factorisation: the diagonal tiles in plain code, everything else a matrix product.
 * Null where the matrix is not positive definite to working precision.
 */
export async function factorise(gemm: Gemm, a: Panels): Promise<Factor | null> {
  const { size } = a;
  const panels: Float64Array[] = [];
  const inverses: Float64Array[] = [];
  for (let k = 0; k < a.panels.length; k++) {
    const width = panelWidth(size, k);
    const rows = size - k * PANEL;
    const original = a.panels[k]!;
    const floor = Float64Array.from({ length: width }, (_, i) => SINGULAR * original[i * width + i]!);
    let panel = original;
    for (let j = 0; j < k; j++) {
      const tail = panels[j]!.subarray((k - j) * PANEL * PANEL);
      const head = matrix(tail.subarray(0, width * PANEL), width, PANEL);
      panel = await gemm.subtract('nt', matrix(tail, rows, PANEL), head, panel);
    }
    const tile = panel.slice(0, width * width);
    if (!factoriseTile(tile, width, floor)) return null;
    const inverse = invertTile(tile, width);
    const factor = new Float64Array(rows * width);
    factor.set(tile);
    if (rows > width) {
      const below = matrix(panel.subarray(width * width), rows - width, width);
      factor.set(await gemm.multiply('nt', below, matrix(inverse, width, width)), width * width);
    }
    panels.push(factor);
    inverses.push(inverse);
  }
  return { size, panels, inverses };
}

/** Solves A·X = B for B [size, columns]: [size, columns]. */
export async function solve(gemm: Gemm, factor: Factor, b: Float64Array, columns: number): Promise<Float64Array> {
  const { size, panels, inverses } = factor;
  let rest: Float64Array = b;
  const forward: Float64Array[] = [];
  for (const [k, panel] of panels.entries()) {
    const width = panelWidth(size, k);
    const inverse = matrix(inverses[k]!, width, width);
    const z = await gemm.multiply('nn', inverse, matrix(rest.subarray(0, width * columns), width, columns));
    forward.push(z);
    const below = size - k * PANEL - width;
    if (below > 0) {
      const tail = matrix(panel.subarray(width * width), below, width);
      rest = await gemm.subtract('nn', tail, matrix(z, width, columns), rest.subarray(width * columns));
    }
  }
  return solveUpper(gemm, factor, forward, columns);
}

/** Solves Lᵀ·X = B for B in pieces of the panels' rows: [size, columns]. */
async function solveUpper(
  gemm: Gemm,
  { size, panels, inverses }: Factor,
  b: readonly Float64Array[],
  columns: number,
): Promise<Float64Array> {
  const x = new Float64Array(size * columns);
  for (let k = panels.length - 1; k >= 0; k--) {
    const width = panelWidth(size, k);
    const start = k * PANEL;
    const below = size - start - width;
    let z = b[k]!;
    if (below > 0) {
      const tail = matrix(panels[k]!.subarray(width * width), below, width);
      const solved = matrix(x.subarray((start + width) * columns), below, columns);
      z = await gemm.subtract('tn', tail, solved, z);
    }
    x.set(await gemm.multiply('tn', matrix(inverses[k]!, width, width), matrix(z, width, columns)), start * columns);
  }
  return x;
}

/** Solves Lᵀ·X = B for B [size, columns]: [size, columns]. */
export function solveTransposed(gemm: Gemm, factor: Factor, b: Float64Array, columns: number): Promise<Float64Array> {
  const pieces = factor.panels.map((_, k) => b.subarray(k * PANEL * columns, (k + 1) * PANEL * columns));
  return solveUpper(gemm, factor, pieces, columns);
}

/** L, with zeros above: [size, size]. */
export function lowerMatrix({ size, panels }: Factor): Float64Array {
  const full = new Float64Array(size * size);
  for (const [k, panel] of panels.entries()) {
    const [start, width] = [k * PANEL, panelWidth(size, k)];
    for (let i = start, at = 0; i < size; i++, at += width) full.set(panel.subarray(at, at + width), i * size + start);
  }
  return full;
}

/** A⁻¹, which is symmetric: the first columns of the inverse below any row are those of what follows in the factor. */
export async function inverse(gemm: Gemm, { size, panels, inverses }: Factor): Promise<Panels> {
  const inverted: Float64Array[] = [];
  for (const k of panels.keys()) {
    const [rows, width] = [size - k * PANEL, panelWidth(size, k)];
    const identity = new Float64Array(rows * width);
    for (let i = 0; i < width; i++) identity[i * width + i] = 1;
    const following = { size: rows, panels: panels.slice(k), inverses: inverses.slice(k) };
    inverted.push(await solve(gemm, following, identity, width));
  }
  return { size, panels: inverted };
}

/** Factorises the lower triangle of a tile [n, n] in place and clears its upper triangle. */
function factoriseTile(a: Float64Array, n: number, floor: Float64Array): boolean {
  for (let j = 0; j < n; j++) {
    const rowJ = j * n;
    const pivot = a[rowJ + j]! - dot(a, rowJ, a, rowJ, j);
    if (!(pivot > floor[j]!) || !Number.isFinite(pivot)) return false;
    const root = Math.sqrt(pivot);
    a[rowJ + j] = root;
    for (let i = j + 1; i < n; i++) a[i * n + j] = (a[i * n + j]! - dot(a, i * n, a, rowJ, j)) / root;
    a.fill(0, rowJ + j + 1, rowJ + n);
  }
  return true;
}

/** Inverse of a lower triangular tile [n, n]. */
function invertTile(l: Float64Array, n: number): Float64Array {
  // Column j of the inverse is kept as a row while it grows, so that every sum runs over contiguous memory.
  const columns = new Float64Array(n * n);
  const inverse = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    columns[j * n + j] = 1 / l[j * n + j]!;
    inverse[j * n + j] = columns[j * n + j]!;
    for (let i = j + 1; i < n; i++) {
      const sum = dot(l, i * n + j, columns, j * n + j, i - j);
      columns[j * n + i] = -sum / l[i * n + i]!;
      inverse[i * n + j] = columns[j * n + i]!;
    }
  }
  return inverse;
}

/**
 * Four running sums break the chain of additions that would bound the speed. Float64 alone: one function for both
 * precisions (`learners/sgd/batch.ts` has the other) took half as long again once it had seen both.
 */
function dot(a: Float64Array, left: number, b: Float64Array, right: number, length: number): number {
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
