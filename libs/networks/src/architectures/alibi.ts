/** How fast each head's scores fall with distance (Press et al., arXiv 2108.12409), as BLOOM and Falcon have it. */
export function alibiSlopes(heads: number): number[] {
  const whole = 2 ** Math.floor(Math.log2(heads));
  const base = Math.fround(2 ** -(2 ** -(Math.log2(whole) - 3)));
  const first = Array.from({ length: whole }, (_, i) => Math.fround(base ** (i + 1)));
  if (whole === heads) return first;
  const extraBase = Math.fround(2 ** -(2 ** -(Math.log2(2 * whole) - 3)));
  const rest = Array.from({ length: heads - whole }, (_, i) => Math.fround(extraBase ** (2 * i + 1)));
  return [...first, ...rest];
}

/** The same as MPT has it, from 2^(−8 / heads) to 2^(−8). */
export function mptSlopes(heads: number): number[] {
  const whole = 2 ** Math.ceil(Math.log2(heads));
  const all = Array.from({ length: whole }, (_, i) => Math.fround(1 / 2 ** (((i + 1) * 8) / whole)));
  if (whole === heads) return all;
  return [...all.filter((_, i) => i % 2 === 1), ...all.filter((_, i) => i % 2 === 0)].slice(0, heads);
}
