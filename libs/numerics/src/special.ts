const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** Natural logarithm of the gamma function for x ≥ 0.5 (Lanczos approximation, g = 7, nine terms). */
export function logGamma(x: number): number {
  const z = x - 1;
  let sum: number = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * Regularised incomplete beta function I_x(a, b) for a, b ≥ 0.5 and 0 ≤ x ≤ 1; `complement` is 1 − x, given apart
 * so that x close to 1 loses no digits. Continued fraction DLMF 8.17.22, evaluated by Lentz's method.
 */
export function incompleteBeta(a: number, b: number, x: number, complement = 1 - x): number {
  if (x <= 0) return 0;
  if (complement <= 0) return 1;
  // Asked once: x and its complement are rounded apart, and both may lie above where the other's fraction is the faster.
  return x > (a + 1) / (a + b + 2) ? 1 - byFraction(b, a, complement, x) : byFraction(a, b, x, complement);
}

function byFraction(a: number, b: number, x: number, complement: number): number {
  const front = Math.exp(a * Math.log(x) + b * Math.log(complement) - (logGamma(a) + logGamma(b) - logGamma(a + b)));
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1), tiny);
  let fraction = d;
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d, tiny);
    c = nonZero(1 + even / c, tiny);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d, tiny);
    c = nonZero(1 + odd / c, tiny);
    const step = d * c;
    fraction *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return (front * fraction) / a;
}

function nonZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** Quantile of the beta distribution, a, b ≥ 0.5, by bisection of its distribution function. */
export function betaQuantile(p: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (incompleteBeta(a, b, middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Quantile of Fisher's F distribution with d1 and d2 degrees of freedom. */
export function fQuantile(p: number, d1: number, d2: number): number {
  const x = betaQuantile(p, d1 / 2, d2 / 2);
  return (d2 * x) / (d1 * (1 - x));
}

/** Regularised lower incomplete gamma function P(a, x) for a ≥ 0.5, by its series or, by Lentz's method, DLMF 8.9.2. */
export function incompleteGamma(a: number, x: number): number {
  if (x <= 0) return 0;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return front * sum;
  }
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / nonZero(b, tiny);
  let fraction = d;
  for (let n = 1; n < 100_000; n++) {
    const term = -n * (n - a);
    b += 2;
    d = 1 / nonZero(term * d + b, tiny);
    c = nonZero(b + term / c, tiny);
    const step = d * c;
    fraction *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return 1 - front * fraction;
}

/** Quantile of the χ² distribution, by bisection of its distribution function. */
export function chiSquareQuantile(p: number, df: number): number {
  let [low, high] = [0, df + 10];
  while (incompleteGamma(df / 2, high / 2) < p) high *= 2;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (incompleteGamma(df / 2, middle / 2) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(|Z| ≥ |z|) of a standard normal Z. */
export function twoSidedNormal(z: number): number {
  return Math.min(1, 2 * lowerNormalTail(-Math.abs(z)));
}

/** P(Z < x) of a standard normal Z. */
export function normalDistribution(x: number): number {
  return x <= 0 ? lowerNormalTail(x) : 1 - lowerNormalTail(-x);
}

/** Quantile of the standard normal distribution, 0 < p < 1, by bisection of its distribution function. */
export function normalQuantile(p: number): number {
  if (p === 0.5) return 0;
  if (p > 0.5) return -normalQuantile(1 - p);
  let low = -40;
  let high = 0;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (lowerNormalTail(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(Z < x) for x ≤ 0: series near zero, continued fraction of Mills' ratio in the tail. */
function lowerNormalTail(x: number): number {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  if (x > -3) {
    let term = x;
    let sum = x;
    for (let i = 3; Math.abs(term) > 1e-18 && i < 400; i += 2) {
      term *= (x * x) / i;
      sum += term;
    }
    return 0.5 + density * sum;
  }
  let fraction = 0;
  for (let i = 200; i >= 1; i--) fraction = i / (-x + fraction);
  return density / (-x + fraction);
}
