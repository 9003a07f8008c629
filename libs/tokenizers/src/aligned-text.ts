import type { Matches } from './patterns.ts';

/** A text in characters, each with the code points [from, to) of the original text that it came from. */
export interface AlignedText {
  readonly points: readonly string[];
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** An aligned text that is being written. */
export interface Growing extends AlignedText {
  readonly points: string[];
  readonly from: number[];
  readonly to: number[];
}

export function growing(): Growing {
  return { points: [], from: [], to: [] };
}

export function push(out: Growing, point: string, from: number, to: number): void {
  out.points.push(point);
  out.from.push(from);
  out.to.push(to);
}

/** A text as it is. @param at where it begins in the original one, in code points */
export function aligned(text: string, at = 0): AlignedText {
  const points = [...text];
  return { points, from: points.map((_, i) => at + i), to: points.map((_, i) => at + i + 1) };
}

export function plain({ points }: AlignedText): string {
  return points.join('');
}

export function slice({ points, from, to }: AlignedText, start: number, end: number): AlignedText {
  return { points: points.slice(start, end), from: from.slice(start, end), to: to.slice(start, end) };
}

/** A text put in front of another, where its first character was; nothing in front of nothing. */
export function prepended(text: AlignedText, before: string): AlignedText {
  const [from, to] = [text.from[0], text.to[0]];
  if (from === undefined || to === undefined) return text;
  const first = [...before];
  return {
    points: [...first, ...text.points],
    from: [...first.map(() => from), ...text.from],
    to: [...first.map(() => to), ...text.to],
  };
}

/** Each character as the characters that it becomes, where it was. */
export function expanded(text: AlignedText, change: (point: string) => readonly string[] | string): AlignedText {
  const out = growing();
  text.points.forEach((point, i) => {
    for (const made of change(point)) push(out, made, text.from[i]!, text.to[i]!);
  });
  return out;
}

/** Matches as places in code points. They follow each other, but for some that begin before the last one ends. */
export function inPoints({ points }: AlignedText, matches: Matches): Matches {
  let [unit, point] = [0, 0];
  const pointAt = (place: number): number => {
    while (unit > place) unit -= points[--point]!.length;
    while (unit < place) unit += points[point++]!.length;
    return point;
  };
  return matches.map(([start, end]) => [pointAt(start), pointAt(end)] as const);
}
