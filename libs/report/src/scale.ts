import type { LayerAxis } from './specs.ts';

/** Gaps between neighbours that differ by more than this call for a logarithmic axis. */
const UNEVEN = 8;
/** Widths in shares of a panel's axis: of a sign of a label, and between two labels. */
const SIGN = 0.034;
const BETWEEN = 0.04;

/** An axis of given numbers (training steps, strengths): ticks stand at some of them; uneven ones are logarithmic. */
export function numberAxis(title: string, values: readonly number[]): LayerAxis {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const [low = 0, high = 1] = [sorted[0], sorted.at(-1)];
  const format = `,.${Math.max(0, ...sorted.map(decimalsOf))}~f`;
  if (low === high) return { title, domain: [low - 0.5, high + 0.5], ticks: [low], format };
  const gaps = sorted.slice(1).map((value, i) => value - sorted[i]!);
  const constant = sorted.find((value) => value > 0);
  const wide = low >= 0 && constant !== undefined && Math.max(...gaps) > UNEVEN * Math.min(...gaps);
  // Vega's symlog: linear around zero, logarithmic beyond the constant.
  const placed = (value: number): number => (wide ? Math.log1p(value / constant) : value);
  const share = (value: number): number => (placed(value) - placed(low)) / (placed(high) - placed(low));
  const width = (value: number): number => SIGN * value.toLocaleString('en').length;
  const ticks: number[] = [];
  for (const value of sorted) {
    const last = ticks.at(-1);
    const meets = last !== undefined && share(value) - share(last) < (width(value) + width(last)) / 2 + BETWEEN;
    if (!meets) ticks.push(value);
  }
  return { title, domain: [low, high], ticks, format, ...(wide && { constant }) };
}

/** Decimals that a number of an axis is written with, at most four. */
function decimalsOf(value: number): number {
  const [, decimals = ''] = Number(value.toFixed(4)).toString().split('.');
  return decimals.length;
}
