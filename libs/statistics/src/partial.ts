import { UserError } from '@sonde/base';
import { incompleteBeta, midRanks } from '@sonde/numerics';
import { type Correlation, type CorrelationReason, fisherInterval, LEAST_PAIRS, type Values } from './correlation.ts';
import { kendallTau } from './kendall.ts';

export interface PartialOptions {
  /** Coverage of the interval; 0.95 by default. */
  readonly level?: number;
  /** `rank`: of the mid-ranks of both sides and of every covariate. `value` by default. */
  readonly of?: 'value' | 'rank';
}

/**
 * Partial correlation of n pairs given covariates: Pearson's correlation of what least squares on [1, covariates] leaves
 * of both sides; df = n − 2 − covariates. Rows with any missing value (null, NaN) are left out and counted.
 *
 * @param covariates one list [n] each; one that others determine takes no degree of freedom
 * @throws UserError where lengths differ or a value is infinite
 */
export function partialCorrelation(
  x: Values,
  y: Values,
  covariates: readonly Values[],
  { level = 0.95, of = 'value' }: PartialOptions = {},
): Correlation {
  const columns = completeRows([x, y, ...covariates]).map((values) => (of === 'rank' ? midRanks(values) : values));
  const n = columns[0]!.length;
  const missing = x.length - n;
  const nothing = { n, missing, r: null, p: null, interval: null } as const;
  const sides = sidesGiven(columns);
  if (typeof sides === 'string') return { ...nothing, reason: sides };
  const { x: a, y: b, df } = sides;
  let [r, less, more] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    r += a[i]! * b[i]!;
    less += (a[i]! - b[i]!) ** 2 / 2;
    more += (a[i]! + b[i]!) ** 2 / 2;
  }
  r = Math.max(-1, Math.min(1, r));
  const p = incompleteBeta(df / 2, 0.5, Math.min(1, less * more), Math.min(1, r * r));
  return { n, missing, r, p, interval: fisherInterval(df + 2, r, less, more, level) };
}

/** What covariates leave of both sides of a correlation. */
export interface SidesGiven {
  /** At mean 0 and length 1. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Orthonormal vectors that span the constant and the covariates. */
  readonly basis: readonly Float64Array[];
  readonly df: number;
}

/** @param columns x, y and the covariates, without missing values */
export function sidesGiven(columns: readonly Float64Array[]): SidesGiven | CorrelationReason {
  const [left, right, ...given] = columns as [Float64Array, Float64Array, ...Float64Array[]];
  const basis = orthonormalBasis([new Float64Array(left.length).fill(1), ...given]);
  const df = left.length - 1 - basis.length;
  if (df < 1) return 'too_few';
  const [x, y] = [residuals(left, basis), residuals(right, basis)];
  return x === undefined || y === undefined ? 'constant' : { x, y, basis, df };
}

/**
 * Partial rank correlation by Kendall's tau-b given covariates, from the taus of all pairs. Null where one of them is
 * undefined, a covariate orders the units as a side does, or too few units are left of the covariates. No p: its
 * distribution is not known for few units.
 *
 * Source: Kendall, "Partial rank correlation", Biometrika 32(3/4), 1942.
 * @param covariates one list [n] each
 * @throws UserError where lengths differ or a value is infinite
 */
export function partialKendall(x: Values, y: Values, covariates: readonly Values[]): number | null {
  const columns = completeRows([x, y, ...covariates]);
  if (columns[0]!.length < covariates.length + LEAST_PAIRS) return null;
  const given = (i: number, j: number, [k, ...others]: readonly number[]): number => {
    if (k === undefined) return kendallTau(columns[i]!, columns[j]!) ?? Number.NaN;
    const [own, left, right] = [given(i, j, others), given(i, k, others), given(j, k, others)];
    return (own - left * right) / Math.sqrt((1 - left ** 2) * (1 - right ** 2));
  };
  const found = given(
    0,
    1,
    covariates.map((_, c) => c + 2),
  );
  return Number.isFinite(found) ? Math.max(-1, Math.min(1, found)) : null;
}

function completeRows(columns: readonly Values[]): Float64Array[] {
  const rows = columns[0]!.length;
  const kept: number[] = [];
  for (const column of columns) {
    if (column.length !== rows) {
      throw new UserError('argument', `The columns of a partial correlation have ${rows} and ${column.length} values.`);
    }
  }
  for (let row = 0; row < rows; row++) {
    const values = columns.map((column) => column[row] ?? Number.NaN);
    if (values.some(Number.isNaN)) continue;
    if (!values.every(Number.isFinite)) {
      throw new UserError(
        'argument',
        `Row ${row} of a partial correlation holds an infinite value; give finite numbers.`,
      );
    }
    kept.push(row);
  }
  return columns.map((column) => Float64Array.from(kept, (row) => column[row] as number));
}

/** Below this share of its length a vector counts as one that others determine. */
const RANK_TOLERANCE = 1e-10;

/** Gram–Schmidt, each vector twice. */
function orthonormalBasis(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = residuals(vector, basis);
    if (rest !== undefined) basis.push(rest);
  }
  return basis;
}

/** What a basis leaves of a vector, at length 1; undefined where it leaves nothing. */
function residuals(vector: Float64Array, basis: readonly Float64Array[]): Float64Array | undefined {
  const rest = vector.slice();
  const before = Math.hypot(...vector);
  for (let pass = 0; pass < 2; pass++) {
    for (const unit of basis) {
      let dot = 0;
      for (let i = 0; i < rest.length; i++) dot += rest[i]! * unit[i]!;
      for (let i = 0; i < rest.length; i++) rest[i] = rest[i]! - dot * unit[i]!;
    }
  }
  const length = Math.hypot(...rest);
  if (!(length > RANK_TOLERANCE * before)) return undefined;
  return rest.map((value) => value / length);
}
