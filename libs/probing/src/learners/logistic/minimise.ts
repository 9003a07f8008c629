import { type Gemm, type Matrix, matrix } from '../../algebra/gemm.ts';
import { sigmoid } from './log-loss.ts';

const MEMORY = 10;
const ITERATIONS = 1000;
/** The largest entry of the gradient, as a share of the number of rows, at which a minimum is reached. */
const TOLERANCE = 1e-9;
/** The same for one that is near enough when iterations are spent. */
const NEAR = 1e-5;

/** One column's minimisation: its weights (the intercept last), their log-odds for every row, and what L-BFGS keeps. */
interface Descent {
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  readonly logits: Float64Array;
  gradient: Float64Array;
  readonly steps: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[];
  done: boolean;
}

/**
 * Minimises Σ log loss + penalty/2 · ‖w‖² for every column by L-BFGS (Liu and Nocedal 1989). All columns go forward
 * together, so that an iteration is two matrix products, whatever their number; a line search needs none, for the
 * log-odds are linear in the step.
 *
 * @param x [n, d + 1], the last column 1
 * @param labels [n, columns], 0 or 1
 * @returns the weights [d + 1] of each column; null where some column is not near its minimum after 1,000 iterations
 */
export async function minimise(
  gemm: Gemm,
  x: Matrix,
  labels: Float64Array,
  columns: number,
  penalty: number,
): Promise<Float64Array[] | null> {
  const { rows: n, columns: size } = x;
  const all = Array.from({ length: columns }, (_, c): Descent => {
    const own = Float64Array.from({ length: n }, (_, r) => labels[r * columns + c]!);
    const start = { labels: own, weights: new Float64Array(size), logits: new Float64Array(n) };
    return { ...start, gradient: new Float64Array(size), steps: [], done: false };
  });
  for (const [c, gradient] of (await gradients(gemm, x, all, penalty)).entries()) all[c]!.gradient = gradient;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    for (const descent of all) descent.done ||= largest(descent.gradient) <= TOLERANCE * n;
    const active = all.filter(({ done }) => !done);
    if (active.length === 0) return all.map(({ weights }) => weights);
    const directions = active.map((descent) => directionOf(descent, n, penalty));
    const along = await products(gemm, x, directions);
    const before = active.map(({ weights, gradient }) => ({ weights: weights.slice(), gradient }));
    for (const [a, descent] of active.entries()) move(descent, directions[a]!, along[a]!, penalty);
    const after = await gradients(gemm, x, active, penalty);
    for (const [a, descent] of active.entries()) {
      descent.gradient = after[a]!;
      remember(descent, before[a]!);
    }
  }
  return all.every(({ gradient }) => largest(gradient) <= NEAR * n) ? all.map(({ weights }) => weights) : null;
}

/** A slope this much smaller than at the start of a line ends the search along it. */
const FLAT = 0.1;
const TURNS = 50;

/**
 * Goes along a direction to where the loss is nearly flat. The loss is convex, so its slope rises along the line and
 * Newton's method, kept inside the bracket, finds where it is 0; slopes keep their digits where losses no longer do.
 */
function move(descent: Descent, direction: Float64Array, along: Float64Array, penalty: number): void {
  const { weights, logits, gradient, labels } = descent;
  const slope = inner(gradient, direction);
  if (!(slope < 0)) {
    descent.done = true;
    return;
  }
  const free = direction.length - 1;
  const pp = inner(direction, direction) - direction[free]! ** 2;
  const wp = inner(weights, direction) - weights[free]! * direction[free]!;
  let [step, low, high] = [1, 0, Number.POSITIVE_INFINITY];
  for (let turn = 0; turn < TURNS; turn++) {
    let first = penalty * (wp + step * pp);
    let second = penalty * pp;
    for (let r = 0; r < along.length; r++) {
      const p = sigmoid(logits[r]! + step * along[r]!);
      first += (p - labels[r]!) * along[r]!;
      second += p * (1 - p) * along[r]! ** 2;
    }
    if (Math.abs(first) <= FLAT * -slope) break;
    if (first < 0) low = step;
    else high = step;
    const newton = step - first / second;
    if (newton > low && newton < high) step = newton;
    else step = high === Number.POSITIVE_INFINITY ? 2 * step : (low + high) / 2;
  }
  addScaled(weights, direction, step);
  addScaled(logits, along, step);
}

function directionOf({ gradient, steps }: Descent, n: number, penalty: number): Float64Array {
  const q = gradient.map((value) => -value);
  const shares: number[] = [];
  for (const { s, y, rho } of [...steps].reverse()) {
    const own = rho * inner(s, q);
    shares.push(own);
    addScaled(q, y, -own);
  }
  const last = steps.at(-1);
  // The curvature of standardised columns is at most n/4, to which the penalty adds for all but the intercept.
  const share = 1 / (1 + (4 * penalty) / n);
  const free = q.length - 1;
  const scaled = (values: Float64Array) => values.map((value, j) => (j === free ? value : share * value));
  const curvature = last === undefined ? n / 4 : inner(last.y, scaled(last.y)) * last.rho;
  for (let j = 0; j < q.length; j++) q[j] = ((j === free ? 1 : share) * q[j]!) / curvature;
  for (const { s, y, rho } of steps) addScaled(q, s, shares.pop()! - rho * inner(y, q));
  return q;
}

function remember(descent: Descent, before: { weights: Float64Array; gradient: Float64Array }): void {
  const s = descent.weights.map((value, j) => value - before.weights[j]!);
  const y = descent.gradient.map((value, j) => value - before.gradient[j]!);
  const curvature = inner(s, y);
  if (!(curvature > 0)) return;
  descent.steps.push({ s, y, rho: 1 / curvature });
  if (descent.steps.length > MEMORY) descent.steps.shift();
}

async function gradients(gemm: Gemm, x: Matrix, of: readonly Descent[], penalty: number): Promise<Float64Array[]> {
  const { rows: n, columns: size } = x;
  const residuals = new Float64Array(n * of.length);
  for (const [c, { logits, labels }] of of.entries()) {
    for (let r = 0; r < n; r++) residuals[r * of.length + c] = sigmoid(logits[r]!) - labels[r]!;
  }
  const product = of.length === 0 ? new Float64Array(0) : await gemm.multiply('tn', x, matrix(residuals, n, of.length));
  return of.map(({ weights }, c) =>
    Float64Array.from(weights, (weight, j) => product[j * of.length + c]! + (j < size - 1 ? penalty * weight : 0)),
  );
}

async function products(gemm: Gemm, x: Matrix, vectors: readonly Float64Array[]): Promise<Float64Array[]> {
  const width = vectors.length;
  const packed = new Float64Array(x.columns * width);
  for (const [c, vector] of vectors.entries()) for (const [j, value] of vector.entries()) packed[j * width + c] = value;
  const product = await gemm.multiply('nn', x, matrix(packed, x.columns, width));
  return vectors.map((_, c) => Float64Array.from({ length: x.rows }, (_, r) => product[r * width + c]!));
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}

function addScaled(into: Float64Array, from: Float64Array, factor: number): void {
  for (let j = 0; j < into.length; j++) into[j] = into[j]! + factor * from[j]!;
}
