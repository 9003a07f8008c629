import { type Gemm, type Matrix, matrix } from '../../algebra/gemm.ts';
import { sigmoid, softmax } from './log-loss.ts';

const MEMORY = 10;
const ITERATIONS = 1000;
/** The largest entry of the gradient, as a share of the number of rows, at which a minimum is reached. */
const TOLERANCE = 1e-9;
/** The same for one that is near enough when iterations are spent. */
const NEAR = 1e-5;

/**
 * One target's minimisation: its weights (of each class the intercept last), their logits for every row, and what L-BFGS
 * keeps. A target of two values is one class, whose logits are its log-odds.
 */
interface Descent {
  readonly classes: number;
  /** [n, classes]: 1 in the row's class, else 0. */
  readonly labels: Float64Array;
  /** [classes, d + 1] */
  readonly weights: Float64Array;
  /** [n, classes] */
  readonly logits: Float64Array;
  gradient: Float64Array;
  readonly steps: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[];
  done: boolean;
}

/** The classes of a target for every row: [n, classes], 1 in the row's class, else 0; of two values one class is enough. */
export interface Labels {
  readonly classes: number;
  readonly values: Float64Array;
}

/** About the inverse of the loss's second derivative, without intercepts, times vectors [d, columns]. */
export type Preconditioner = (vectors: Float64Array, columns: number) => Promise<Float64Array>;

/**
 * Minimises Σ log loss + penalty/2 · ‖w‖² for every target by L-BFGS (Liu and Nocedal 1989): of a sigmoid for two values,
 * of softmax, which has weights for each class, for more. All targets go forward together, so that an iteration is two
 * matrix products, whatever their number; a line search needs none, for the logits are linear in the step.
 *
 * @param x [n, d + 1], the last column 1
 * @param precondition from what each direction begins: the nearer to the second derivative, the fewer iterations
 * @returns the weights [classes, d + 1] of each target; null where some target is not near its minimum after 1,000
 * iterations
 */
export async function minimise(
  gemm: Gemm,
  x: Matrix,
  targets: readonly Labels[],
  penalty: number,
  precondition: Preconditioner,
): Promise<Float64Array[] | null> {
  const { rows: n, columns: size } = x;
  const all = targets.map(({ classes, values }): Descent => {
    const start = {
      classes,
      labels: values,
      weights: new Float64Array(classes * size),
      logits: new Float64Array(n * classes),
    };
    return { ...start, gradient: new Float64Array(classes * size), steps: [], done: false };
  });
  for (const [c, gradient] of (await gradients(gemm, x, all, penalty)).entries()) all[c]!.gradient = gradient;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    for (const descent of all) descent.done ||= largest(descent.gradient) <= TOLERANCE * n;
    const active = all.filter(({ done }) => !done);
    if (active.length === 0) return all.map(({ weights }) => weights);
    const directions = await directionsOf(active, x, precondition);
    const along = await products(gemm, x, active, directions);
    const before = active.map(({ weights, gradient }) => ({ weights: weights.slice(), gradient }));
    for (const [a, descent] of active.entries()) move(descent, x, directions[a]!, along[a]!, penalty);
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
function move(descent: Descent, x: Matrix, direction: Float64Array, along: Float64Array, penalty: number): void {
  const { weights, logits, gradient } = descent;
  const slope = inner(gradient, direction);
  if (!(slope < 0)) {
    descent.done = true;
    return;
  }
  // Without the intercepts: taken off afterwards they would leave nothing but rounding of weights held small.
  let [pp, wp] = [0, 0];
  for (let start = 0, size = x.columns; start < direction.length; start += size) {
    const d = direction.subarray(start, start + size - 1);
    pp += inner(d, d);
    wp += inner(weights.subarray(start, start + size - 1), d);
  }
  let [step, low, high] = [1, 0, Number.POSITIVE_INFINITY];
  for (let turn = 0; turn < TURNS; turn++) {
    const ofLoss = (descent.classes === 1 ? slopesOfTwo : slopesOfMany)(descent, along, step);
    const first = penalty * (wp + step * pp) + ofLoss.first;
    const second = penalty * pp + ofLoss.second;
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

/** The loss's first and second derivative by the step, so far along a direction. */
interface Slopes {
  readonly first: number;
  readonly second: number;
}

function slopesOfTwo({ logits, labels }: Descent, along: Float64Array, step: number): Slopes {
  let [first, second] = [0, 0];
  for (let r = 0; r < along.length; r++) {
    const p = sigmoid(logits[r]! + step * along[r]!);
    first += (p - labels[r]!) * along[r]!;
    second += p * (1 - p) * along[r]! ** 2;
  }
  return { first, second };
}

function slopesOfMany({ classes, logits, labels }: Descent, along: Float64Array, step: number): Slopes {
  let [first, second] = [0, 0];
  const p = new Float64Array(classes);
  for (let start = 0; start < along.length; start += classes) {
    for (let k = 0; k < classes; k++) p[k] = logits[start + k]! + step * along[start + k]!;
    softmax(p);
    let [mean, square] = [0, 0];
    for (let k = 0; k < classes; k++) {
      const a = along[start + k]!;
      first += (p[k]! - labels[start + k]!) * a;
      mean += p[k]! * a;
      square += p[k]! * a * a;
    }
    second += square - mean * mean;
  }
  return { first, second };
}

/** The two-loop recursion of L-BFGS for each, all of them preconditioned together. */
async function directionsOf(of: readonly Descent[], x: Matrix, precondition: Preconditioner): Promise<Float64Array[]> {
  const shares = of.map(() => [] as number[]);
  const started = of.map(({ gradient, steps }, i) => {
    const q = gradient.map((value) => -value);
    for (const { s, y, rho } of [...steps].reverse()) {
      const own = rho * inner(s, q);
      shares[i]!.push(own);
      addScaled(q, y, -own);
    }
    return q;
  });
  const last = of.map(({ steps }) => steps.at(-1));
  const asked = [...started, ...last.flatMap((step) => (step === undefined ? [] : [step.y]))];
  const found = await preconditioned(asked, x, precondition);
  const scaledLast = found.slice(of.length);
  return of.map(({ steps }, i) => {
    const q = found[i]!;
    const step = last[i];
    const curvature = step === undefined ? 1 : inner(step.y, scaledLast.shift()!) * step.rho;
    for (let at = 0; at < q.length; at++) q[at] = q[at]! / curvature;
    for (const { s, y, rho } of steps) addScaled(q, s, shares[i]!.pop()! - rho * inner(y, q));
    return q;
  });
}

/** Vectors [classes, d + 1]; an intercept's second derivative is taken for the largest that it can be, n/4. */
async function preconditioned(
  vectors: readonly Float64Array[],
  { rows: n, columns: size }: Matrix,
  precondition: Preconditioner,
): Promise<Float64Array[]> {
  const d = size - 1;
  const width = vectors.reduce((sum, { length }) => sum + length / size, 0);
  const packed = new Float64Array(d * width);
  const each = (take: (vector: Float64Array, at: number, place: number) => void) => {
    let column = 0;
    for (const vector of vectors) {
      for (let start = 0; start < vector.length; start += size, column++) {
        for (let j = 0; j < d; j++) take(vector, start + j, j * width + column);
      }
    }
  };
  each((vector, at, place) => {
    packed[place] = vector[at]!;
  });
  const solved = await precondition(packed, width);
  const results = vectors.map((vector) => vector.map((value) => (4 * value) / n));
  const resultOf = new Map(vectors.map((vector, i) => [vector, results[i]!]));
  each((vector, at, place) => {
    resultOf.get(vector)![at] = solved[place]!;
  });
  return results;
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
  const { places, width } = placesOf(of);
  const residuals = new Float64Array(n * width);
  for (const [i, { classes, logits, labels }] of of.entries()) {
    const p = new Float64Array(classes);
    for (let r = 0; r < n; r++) {
      for (let k = 0; k < classes; k++) p[k] = logits[r * classes + k]!;
      if (classes === 1) p[0] = sigmoid(p[0]!);
      else softmax(p);
      for (let k = 0; k < classes; k++) residuals[r * width + places[i]! + k] = p[k]! - labels[r * classes + k]!;
    }
  }
  const product = width === 0 ? new Float64Array(0) : await gemm.multiply('tn', x, matrix(residuals, n, width));
  return of.map(({ weights }, i) =>
    Float64Array.from(weights, (weight, at) => {
      const [k, j] = [Math.floor(at / size), at % size];
      return product[j * width + places[i]! + k]! + (j < size - 1 ? penalty * weight : 0);
    }),
  );
}

/** X times a vector [classes, d + 1] of each target: [n, classes]. */
async function products(
  gemm: Gemm,
  x: Matrix,
  of: readonly Descent[],
  vectors: readonly Float64Array[],
): Promise<Float64Array[]> {
  const { places, width } = placesOf(of);
  const packed = new Float64Array(x.columns * width);
  for (const [i, vector] of vectors.entries()) {
    for (const [at, value] of vector.entries()) {
      packed[(at % x.columns) * width + places[i]! + Math.floor(at / x.columns)] = value;
    }
  }
  const product = await gemm.multiply('nn', x, matrix(packed, x.columns, width));
  return of.map(({ classes }, i) =>
    Float64Array.from({ length: x.rows * classes }, (_, at) => {
      return product[Math.floor(at / classes) * width + places[i]! + (at % classes)]!;
    }),
  );
}

/** Where each target's classes begin among all, and how many there are. */
function placesOf(of: readonly Descent[]): { readonly places: readonly number[]; readonly width: number } {
  let width = 0;
  const places = of.map(({ classes }) => {
    width += classes;
    return width - classes;
  });
  return { places, width };
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
