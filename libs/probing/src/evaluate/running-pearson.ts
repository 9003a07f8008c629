import type { Score } from './pairs.ts';

/** Variation below this share of the mean is rounding noise, as of whole columns (`columnMoments`). */
const CONSTANT_SHARE = 1e-13;

/**
 * Pearson's correlation of targets and predictions by column, of rows that come one after another and are not kept.
 * Sums are of differences from the first row, so that large means cost no digits.
 */
export class RunningPearson {
  readonly #columns: number;
  #n = 0;
  readonly #first: [Float64Array, Float64Array];
  /** Σx, Σy, Σx², Σy², Σxy */
  readonly #sums: readonly [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];

  constructor(columns: number) {
    const zeros = () => new Float64Array(columns);
    this.#columns = columns;
    this.#first = [zeros(), zeros()];
    this.#sums = [zeros(), zeros(), zeros(), zeros(), zeros()];
  }

  /** @param targets [columns] of one row @param predicted the same, from `at` on */
  add(targets: Float64Array, predicted: Float64Array, at: number): void {
    const [firstX, firstY] = this.#first;
    const [sx, sy, sxx, syy, sxy] = this.#sums;
    for (let c = 0; c < this.#columns; c++) {
      const target = targets[c]!;
      const guess = predicted[at + c]!;
      if (this.#n === 0) {
        firstX[c] = target;
        firstY[c] = guess;
        continue;
      }
      const x = target - firstX[c]!;
      const y = guess - firstY[c]!;
      sx[c] = sx[c]! + x;
      sy[c] = sy[c]! + y;
      sxx[c] = sxx[c]! + x * x;
      syy[c] = syy[c]! + y * y;
      sxy[c] = sxy[c]! + x * y;
    }
    this.#n++;
  }

  scores(): Score[] {
    const n = this.#n;
    const [sx, sy, sxx, syy, sxy] = this.#sums;
    const constant = (square: number, sum: number, first: number) =>
      !(Math.sqrt(Math.max(0, square) / n) > CONSTANT_SHARE * Math.abs(first + sum / n));
    return Array.from({ length: this.#columns }, (_, c): Score => {
      if (n < 3) return { value: null, reason: 'too_few_rows' };
      const [xx, yy] = [sxx[c]! - sx[c]! ** 2 / n, syy[c]! - sy[c]! ** 2 / n];
      if (constant(xx, sx[c]!, this.#first[0][c]!)) return { value: null, reason: 'constant_target' };
      if (constant(yy, sy[c]!, this.#first[1][c]!)) return { value: null, reason: 'constant_prediction' };
      const r = (sxy[c]! - (sx[c]! * sy[c]!) / n) / Math.sqrt(xx) / Math.sqrt(yy);
      return { value: Math.max(-1, Math.min(1, r)) };
    });
  }
}
