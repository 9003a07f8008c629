import { betaQuantile, requireLevel } from '@sonde/numerics';

/**
 * The correlation that n units show with the given probability as significant and of the right sign, in a two-sided test
 * at level alpha, where both sides are normal; 1 where n ≤ 3: no correlation can be found.
 *
 * Source: the exact distribution of r, Hotelling, "New light on the correlation coefficient and its transforms", Journal
 * of the Royal Statistical Society B 15 (1953). Fisher's z puts it too high where n is small: 0.85 for 0.82 at n = 8.
 */
export function detectableCorrelation(n: number, { alpha = 0.05, power = 0.8 } = {}): number {
  requireLevel('alpha', alpha);
  requireLevel('power', power);
  if (n <= 3) return 1;
  const critical = Math.sqrt(betaQuantile(1 - alpha, 0.5, (n - 2) / 2));
  let [low, high] = [0, 1];
  while (high - low > 1e-7) {
    const middle = (low + high) / 2;
    if (shareAbove(critical, middle, n) < power) low = middle;
    else high = middle;
  }
  return high;
}

/** Intervals of Simpson's rule, and how many standard errors of Fisher's z are integrated on either side. */
const STEPS = 300;
const REACH = 14;

/** How often r of n units lies above `least` where the true correlation is rho: integrals over z = atanh r. */
function shareAbove(least: number, rho: number, n: number): number {
  const density = (z: number): number => {
    const r = Math.tanh(z);
    const log = ((n - 2) / 2) * Math.log1p(-r * r) - (n - 1.5) * Math.log1p(-rho * r);
    return Math.exp(log + ((n - 1) / 2) * Math.log1p(-rho * rho)) * hypergeometric(n - 0.5, (1 + rho * r) / 2);
  };
  const [centre, reach, from] = [Math.atanh(rho), REACH / Math.sqrt(n - 3), Math.atanh(least)];
  const above = simpson(density, from, Math.max(from, centre) + reach);
  return above / (above + simpson(density, Math.min(from, centre) - reach, from));
}

function simpson(f: (x: number) => number, from: number, to: number): number {
  const step = (to - from) / STEPS;
  let sum = f(from) + f(to);
  for (let i = 1; i < STEPS; i++) sum += (i % 2 === 0 ? 2 : 4) * f(from + i * step);
  return (sum * step) / 3;
}

/** ₂F₁(½, ½; c; x), 0 ≤ x ≤ 1, c ≥ 3.5. */
function hypergeometric(c: number, x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 0; k < 500 && term > 1e-12; k++) {
    term *= ((k + 0.5) ** 2 * x) / ((c + k) * (k + 1));
    sum += term;
  }
  return sum;
}
