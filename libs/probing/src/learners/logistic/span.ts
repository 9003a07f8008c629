import { type Factor, factorise, lowerMatrix, solveTransposed } from '../../algebra/cholesky.ts';
import { type Gemm, type Matrix, matrix } from '../../algebra/gemm.ts';
import {
  addDiagonal,
  addSelfProduct,
  copyPanels,
  diagonal,
  type Panels,
  subtractOuter,
  zeroPanels,
} from '../../algebra/panels.ts';

/** Rows in coordinates of the space that they span, where there are fewer of them than columns. */
export interface Span {
  /** [n, n + 1]: the coordinates, and a 1 */
  readonly rows: Matrix;
  /**
   * Weights of coordinates, [classes, n + 1] of each target, as those of columns, [classes, d + 1], of the same length and
   * logits.
   */
  weightsOf(targets: readonly Float64Array[]): Promise<Float64Array[]>;
}

/** What is added to the products of rows, as shares of their mean: so little that duplicate rows can be factorised. */
const SHARES = [1e-13, 1e-12, 1e-11];

/**
 * A penalised minimum is a combination of the rows (the representer theorem), so that it can be sought in as many numbers as
 * there are rows: with L·Lᵀ = z·zᵀ, rows L and weights v have the logits and the length of rows z and weights zᵀ·L⁻ᵀ·v.
 *
 * @param inputs [n, d + 1]: the rows z, each with a 1 behind it
 * @returns null where the products have no factor
 */
export async function spanOf(gemm: Gemm, inputs: Matrix): Promise<Span | null> {
  const { rows: n, columns: size } = inputs;
  const products = zeroPanels(n);
  await addSelfProduct(gemm, products, inputs.data, size);
  subtractOuter(products, new Float64Array(n).fill(1), 1);
  const factor = await factorOf(gemm, products);
  if (factor === null) return null;
  const lower = lowerMatrix(factor);
  const rows = new Float64Array(n * (n + 1)).fill(1);
  for (let i = 0; i < n; i++) rows.set(lower.subarray(i * n, (i + 1) * n), i * (n + 1));
  return {
    rows: matrix(rows, n, n + 1),
    async weightsOf(targets) {
      const each = targets.flatMap((weights) => {
        return Array.from({ length: weights.length / (n + 1) }, (_, k) =>
          weights.subarray(k * (n + 1), (k + 1) * (n + 1)),
        );
      });
      const width = each.length;
      const packed = new Float64Array(n * width);
      for (const [t, row] of each.entries()) for (let i = 0; i < n; i++) packed[i * width + t] = row[i]!;
      const combined = matrix(await solveTransposed(gemm, factor, packed, width), n, width);
      const ofColumns = await gemm.multiply('tn', inputs, combined);
      let t = 0;
      return targets.map((weights) => {
        const found = new Float64Array((weights.length / (n + 1)) * size);
        for (let start = 0; start < found.length; start += size, t++) {
          for (let j = 0; j < size - 1; j++) found[start + j] = ofColumns[j * width + t]!;
          found[start + size - 1] = each[t]![n]!;
        }
        return found;
      });
    },
  };
}

async function factorOf(gemm: Gemm, products: Panels): Promise<Factor | null> {
  const { size: n } = products;
  const mean = diagonal(products).reduce((sum, value) => sum + value / n, 0);
  for (const share of SHARES) {
    const raised = copyPanels(products);
    addDiagonal(raised, new Float64Array(n).fill(share * mean));
    const factor = await factorise(gemm, raised);
    if (factor !== null) return factor;
  }
  return null;
}
