import { type Gemm, matrix } from './gemm.ts';

/**
 * A symmetric matrix [size, size] as the panels of its lower triangle: panel k holds rows k·128 … size − 1 of columns
 * k·128 … , row-major, so that the rows below any row of a panel are one contiguous piece. Diagonal tiles are whole.
 */
export interface Panels {
  readonly size: number;
  readonly panels: readonly Float64Array[];
}

/** Columns a panel: the tile of the Cholesky factorisation; 128 was the fastest of 128 and 256. */
export const PANEL = 128;

export function panelWidth(size: number, k: number): number {
  return Math.min(PANEL, size - k * PANEL);
}

export function zeroPanels(size: number): Panels {
  const panels: Float64Array[] = [];
  for (let k = 0; k * PANEL < size; k++) panels.push(new Float64Array((size - k * PANEL) * panelWidth(size, k)));
  return { size, panels };
}

export function copyPanels(from: Panels): Panels {
  return { size: from.size, panels: from.panels.map((panel) => panel.slice()) };
}

export function addPanels(into: Panels, from: Panels): void {
  for (const [k, panel] of into.panels.entries()) addInto(panel, from.panels[k]!);
}

/** Adds to as many numbers as `from` has. */
export function addInto(into: Float64Array, from: Float64Array): void {
  for (let i = 0; i < from.length; i++) into[i] = into[i]! + from[i]!;
}

/** Adds M·Mᵀ for M [size, inner]. */
export async function addSelfProduct(gemm: Gemm, into: Panels, data: Float64Array, inner: number): Promise<void> {
  for (const [k, panel] of into.panels.entries()) {
    const start = k * PANEL;
    const width = panelWidth(into.size, k);
    const tail = matrix(data.subarray(start * inner, into.size * inner), into.size - start, inner);
    const head = matrix(data.subarray(start * inner, (start + width) * inner), width, inner);
    addInto(panel, await gemm.multiply('nt', tail, head));
  }
}

/** Subtracts factor · v·vᵀ. */
export function subtractOuter(from: Panels, v: Float64Array, factor: number): void {
  for (const [k, panel] of from.panels.entries()) {
    const start = k * PANEL;
    const width = panelWidth(from.size, k);
    for (let i = start, at = 0; i < from.size; i++) {
      const scaled = factor * v[i]!;
      for (let j = 0; j < width; j++, at++) panel[at] = panel[at]! - scaled * v[start + j]!;
    }
  }
}

export function diagonal(of: Panels): Float64Array {
  return Float64Array.from(
    { length: of.size },
    (_, i) => of.panels[Math.floor(i / PANEL)]![diagonalPlace(of.size, i)]!,
  );
}

export function addDiagonal(into: Panels, values: Float64Array): void {
  for (let i = 0; i < into.size; i++) {
    const panel = into.panels[Math.floor(i / PANEL)]!;
    const at = diagonalPlace(into.size, i);
    panel[at] = panel[at]! + values[i]!;
  }
}

function diagonalPlace(size: number, i: number): number {
  const k = Math.floor(i / PANEL);
  const row = i - k * PANEL;
  return row * panelWidth(size, k) + row;
}

/** Row and column i times `scales[i]`. */
export function scalePanels(of: Panels, scales: Float64Array): void {
  for (const [k, panel] of of.panels.entries()) {
    const start = k * PANEL;
    const width = panelWidth(of.size, k);
    for (let i = start, at = 0; i < of.size; i++) {
      for (let j = start; j < start + width; j++, at++) panel[at] = panel[at]! * scales[i]! * scales[j]!;
    }
  }
}

/** All of the matrix [size, size], row and column i times `scales[i]`. */
export function fullMatrix(of: Panels, scales = new Float64Array(of.size).fill(1)): Float64Array {
  const { size } = of;
  const full = new Float64Array(size * size);
  for (const [k, panel] of of.panels.entries()) {
    const start = k * PANEL;
    const width = panelWidth(size, k);
    for (let i = start, at = 0; i < size; i++) {
      for (let j = start; j < start + width; j++, at++) {
        if (j <= i) full[i * size + j] = panel[at]! * scales[i]! * scales[j]!;
      }
    }
  }
  // The upper triangle by blocks, so that both sides of the copy stay in the cache.
  for (let top = 0; top < size; top += BLOCK) {
    for (let left = 0; left <= top; left += BLOCK) {
      for (let i = top; i < Math.min(size, top + BLOCK); i++) {
        for (let j = left; j < Math.min(i, left + BLOCK); j++) full[j * size + i] = full[i * size + j]!;
      }
    }
  }
  return full;
}

const BLOCK = 32;

/** Sets row and column `index` to zero. */
export function clearRowAndColumn(of: Panels, index: number): void {
  for (const [k, panel] of of.panels.entries()) {
    const start = k * PANEL;
    if (start > index) break;
    const width = panelWidth(of.size, k);
    const row = (index - start) * width;
    panel.fill(0, row, row + width);
    if (index < start + width) for (let at = index - start; at < panel.length; at += width) panel[at] = 0;
  }
}

/** wᵀ·A·w for each column w of W [size, columns], by half the products of A·W. */
export async function quadraticForms(gemm: Gemm, a: Panels, w: Float64Array, columns: number): Promise<Float64Array> {
  const forms = new Float64Array(columns);
  const addDots = (of: Float64Array, start: number, factor: number) => {
    for (let i = 0, at = start * columns; i < of.length; ) {
      for (let c = 0; c < columns; c++, i++, at++) forms[c] = forms[c]! + factor * w[at]! * of[i]!;
    }
  };
  for (const [k, panel] of a.panels.entries()) {
    const start = k * PANEL;
    const width = panelWidth(a.size, k);
    const end = start + width;
    const tile = matrix(panel.subarray(0, width * width), width, width);
    const head = matrix(w.subarray(start * columns, end * columns), width, columns);
    addDots(await gemm.multiply('nn', tile, head), start, 1);
    if (end === a.size) continue;
    const below = matrix(panel.subarray(width * width), a.size - end, width);
    const tail = matrix(w.subarray(end * columns), a.size - end, columns);
    addDots(await gemm.multiply('tn', below, tail), start, 2);
  }
  return forms;
}
