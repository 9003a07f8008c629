import { type Gemm, matrix } from './gemm.ts';

/** Iterations after which a system is left to a factorisation, which then costs less. */
const ITERATIONS = 256;
/** A residual of this share of the right side is none. */
const TOLERANCE = 1e-11;
/** Where the residual, computed anew, is larger, rounding has led the recurrences astray. */
const ASTRAY = 1e-9;

interface Shifted {
  readonly shift: number;
  readonly x: Float64Array;
  readonly p: Float64Array;
  /** The residual is `zeta` times that of the system without shift; `before`: an iteration ago. */
  zeta: number;
  before: number;
  done: boolean;
}

/**
 * Solves (A + σ)·x = b for several σ and right sides by conjugate gradients. All σ of a right side share one Krylov
 * space, so that they cost the products of the smallest alone (Jegerlehner 1996, "Krylov space solvers for shifted
 * linear systems").
 *
 * @param a symmetric, positive semidefinite [size, size]
 * @param shifts σ ≥ 0
 * @param b [size, columns]
 * @returns for each σ the solutions [size, columns]; null where some column was not solved: factorise A + σ for it
 */
export async function solveShifted(
  gemm: Gemm,
  a: Float64Array,
  size: number,
  shifts: readonly number[],
  b: Float64Array,
  columns: number,
): Promise<(Float64Array | null)[]> {
  const base = Math.min(...shifts);
  const systems = Array.from({ length: columns }, (_, c) => openSystem(b, size, columns, c, shifts, base));
  const packed = new Float64Array(size * columns);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    if (systems.every(({ done }) => done)) break;
    for (const [c, { p }] of systems.entries()) for (let j = 0; j < size; j++) packed[j * columns + c] = p[j]!;
    const product = await gemm.multiply('nn', matrix(a, size, size), matrix(packed, size, columns));
    for (const [c, system] of systems.entries()) if (!system.done) step(system, product, columns, c, base);
  }
  const solved: (Float64Array | null)[] = [];
  for (const [k, shift] of shifts.entries()) {
    const x = new Float64Array(size * columns);
    for (const [c, { shifted }] of systems.entries())
      for (let j = 0; j < size; j++) x[j * columns + c] = shifted[k]!.x[j]!;
    const all = systems.every(({ shifted }) => shifted[k]!.done);
    solved.push(all && (await residual(gemm, a, size, shift, x, b, columns)) <= ASTRAY ? x : null);
  }
  return solved;
}

/** One right side: residual and direction of the system with the smallest σ, and those that follow from it. */
interface System {
  readonly r: Float64Array;
  readonly p: Float64Array;
  readonly least: number;
  rr: number;
  alpha: number;
  beta: number;
  readonly shifted: readonly Shifted[];
  done: boolean;
}

function openSystem(
  b: Float64Array,
  size: number,
  columns: number,
  c: number,
  shifts: readonly number[],
  base: number,
) {
  const r = Float64Array.from({ length: size }, (_, j) => b[j * columns + c]!);
  const rr = inner(r, r);
  const shifted = shifts.map((shift): Shifted => {
    return { shift: shift - base, x: new Float64Array(size), p: r.slice(), zeta: 1, before: 1, done: rr === 0 };
  });
  return { r, p: r.slice(), least: TOLERANCE ** 2 * rr, rr, alpha: 1, beta: 0, shifted, done: rr === 0 } as System;
}

function step(system: System, product: Float64Array, columns: number, c: number, base: number): void {
  const { r, p } = system;
  const size = r.length;
  let curvature = 0;
  for (let j = 0; j < size; j++) curvature += p[j]! * (product[j * columns + c]! + base * p[j]!);
  if (!(curvature > 0)) {
    system.done = true;
    return;
  }
  const alpha = system.rr / curvature;
  for (let j = 0; j < size; j++) r[j] = r[j]! - alpha * (product[j * columns + c]! + base * p[j]!);
  const rr = inner(r, r);
  const beta = rr / system.rr;
  for (const each of system.shifted) {
    if (each.done) continue;
    const { zeta, before, shift, x } = each;
    const over = alpha * system.beta * (before - zeta) + before * system.alpha * (1 + shift * alpha);
    const next = (zeta * before * system.alpha) / over;
    const share = next / zeta;
    const own = beta * share * share;
    const far = alpha * share;
    for (let j = 0; j < size; j++) {
      const direction = each.p[j]!;
      x[j] = x[j]! + far * direction;
      each.p[j] = next * r[j]! + own * direction;
    }
    each.before = zeta;
    each.zeta = next;
    each.done = next * next * rr <= system.least;
  }
  for (let j = 0; j < size; j++) p[j] = r[j]! + beta * p[j]!;
  system.rr = rr;
  system.alpha = alpha;
  system.beta = beta;
  system.done = system.shifted.every(({ done }) => done);
}

/** The largest residual of a column, as a share of its right side. */
async function residual(
  gemm: Gemm,
  a: Float64Array,
  size: number,
  shift: number,
  x: Float64Array,
  b: Float64Array,
  columns: number,
): Promise<number> {
  const product = await gemm.multiply('nn', matrix(a, size, size), matrix(x, size, columns));
  const [off, right] = [new Float64Array(columns), new Float64Array(columns)];
  for (let i = 0; i < b.length; i++) {
    const c = i % columns;
    off[c] = off[c]! + (b[i]! - product[i]! - shift * x[i]!) ** 2;
    right[c] = right[c]! + b[i]! ** 2;
  }
  return off.reduce((most, value, c) => (right[c] === 0 ? most : Math.max(most, Math.sqrt(value / right[c]!))), 0);
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}
