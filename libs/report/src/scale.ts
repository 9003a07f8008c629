import type { LayerAxis } from './specs.ts';

/** An axis of given numbers (training steps, strengths): ticks stand at some of them; wide ranges are logarithmic. */
export function numberAxis(title: string, values: readonly number[]): LayerAxis {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const [low = 0, high = 1] = [sorted[0], sorted.at(-1)];
  const positive = sorted.filter((value) => value > 0);
  const wide = low >= 0 && positive.length > 2 && positive.at(-1)! / positive[0]! > 50;
  const domain: [number, number] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const step = Math.ceil(sorted.length / 6);
  const ticks = sorted.filter((_, i) => i % step === 0);
  return { title, domain, ticks, format: '~s', ...(wide && { constant: positive[0]! }) };
}
