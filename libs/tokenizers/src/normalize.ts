import { isRecord } from '@sonde/base';
import { type CharacterMap, characterMap } from './character-map.ts';

/** A text in characters, each with the code points [from, to) of the text before normalisation that it came from. */
export interface AlignedText {
  readonly points: readonly string[];
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** A text that is not normalised yet. @param at where it begins, in code points */
export function aligned(text: string, at = 0): AlignedText {
  const points = [...text];
  return { points, from: points.map((_, i) => at + i), to: points.map((_, i) => at + i + 1) };
}

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';
const FORMS: readonly string[] = ['NFC', 'NFD', 'NFKC', 'NFKD'];

/** A starter and the marks (or Hangul vowels and finals) that may compose with it or change places. */
const CLUSTERS = /[\s\S][\p{M}\u1160-\u11ff]*/gu;
/** Longer ones are no language's; each mark costs what stands before it. */
const LONGEST_CLUSTER = 64;

/**
 * Normalises as Hugging Face's tokenizers do, with their alignment: a character that composes is where the first of its
 * parts was, a decomposed one where the whole was, what replaces a match where the last of the match was.
 * @returns null for a normalizer that cannot be followed
 */
export function normalizeAligned(text: AlignedText, normalizer: unknown): AlignedText | null {
  if (!isRecord(normalizer)) return text;
  const { type } = normalizer;
  if (typeof type !== 'string') return null;
  if (FORMS.includes(type)) return composed(text, type as Form);
  switch (type) {
    case 'Sequence': {
      const inner = Array.isArray(normalizer.normalizers) ? normalizer.normalizers : [];
      return inner.reduce<AlignedText | null>((sum, part) => sum && normalizeAligned(sum, part), text);
    }
    case 'Lowercase':
      return expanded(text, (point) => [...point.toLowerCase()]);
    case 'StripAccents':
      return expanded(text, (point) => (/\p{M}/u.test(point) ? [] : [point]));
    case 'Strip':
      return stripped(text, normalizer.strip_left === true, normalizer.strip_right === true);
    case 'Replace':
      return replaced(text, normalizer.pattern, String(normalizer.content ?? ''));
    case 'Precompiled': {
      const map = characterMap(String(normalizer.precompiled_charsmap));
      return map && mapped(text, map);
    }
    case 'Prepend': {
      if (text.points.length === 0) return text;
      const first = [...String(normalizer.prepend ?? '')];
      return {
        points: [...first, ...text.points],
        from: [...first.map(() => text.from[0]!), ...text.from],
        to: [...first.map(() => text.to[0]!), ...text.to],
      };
    }
    default:
      return null;
  }
}

function expanded(text: AlignedText, change: (point: string) => readonly string[]): AlignedText {
  const out = { points: [] as string[], from: [] as number[], to: [] as number[] };
  text.points.forEach((point, i) => {
    for (const made of change(point)) push(out, made, text.from[i]!, text.to[i]!);
  });
  return out;
}

interface Growing {
  readonly points: string[];
  readonly from: number[];
  readonly to: number[];
}

function push(out: Growing, point: string, from: number, to: number): void {
  out.points.push(point);
  out.from.push(from);
  out.to.push(to);
}

function stripped(text: AlignedText, left: boolean, right: boolean): AlignedText {
  const isText = (point: string): boolean => !/\p{White_Space}/u.test(point);
  const first = left ? text.points.findIndex(isText) : 0;
  const last = right ? text.points.findLastIndex(isText) + 1 : text.points.length;
  const [start, end] = first < 0 ? [0, 0] : [first, last];
  return { points: text.points.slice(start, end), from: text.from.slice(start, end), to: text.to.slice(start, end) };
}

function replaced(text: AlignedText, pattern: unknown, content: string): AlignedText | null {
  const matches = matchesOf(text.points.join(''), pattern);
  if (!matches) return null;
  const out: Growing = { points: [], from: [], to: [] };
  let i = 0;
  let unit = 0;
  const copyTo = (end: number): void => {
    for (; i < text.points.length && unit < end; i++) {
      push(out, text.points[i]!, text.from[i]!, text.to[i]!);
      unit += text.points[i]!.length;
    }
  };
  for (const [start, end] of matches) {
    copyTo(start);
    for (; unit < end; i++) unit += text.points[i]!.length;
    const at = Math.max(0, i - 1);
    for (const point of content) push(out, point, text.from[at] ?? 0, text.to[at] ?? 0);
  }
  copyTo(Number.POSITIVE_INFINITY);
  return out;
}

const ESCAPES: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
};

/** An expression of Oniguruma in JavaScript's words, of which white space and digits have others; null where more differs. */
function inJavaScript(expression: unknown): string | null {
  if (typeof expression !== 'string') return null;
  const others = expression.replace(/\\(?:[sSdDnrt]|[pP]\{[^}]*\}|[^A-Za-z0-9])|\[\^|\(\?[:=!]/gu, '');
  if (/[\^$\\]|\(\?/u.test(others)) return null;
  return expression.replace(/\\([\s\S])/gu, (written, letter: string) => ESCAPES[letter] ?? written);
}

/** Where a pattern of tokenizer.json is, in UTF-16 units; null if it is not one that JavaScript reads alike. */
function matchesOf(text: string, pattern: unknown): (readonly [number, number])[] | null {
  if (!isRecord(pattern)) return null;
  const source = typeof pattern.String === 'string' ? escaped(pattern.String) : inJavaScript(pattern.Regex);
  if (source === null || source === '') return null;
  try {
    const found = [...text.matchAll(new RegExp(source, 'gu'))];
    return found
      .filter(([match]) => match !== '')
      .map((match) => [match.index, match.index + match[0].length] as const);
  } catch {
    return null;
  }
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Longer graphemes are mapped character by character, in bytes of UTF-8. */
const LONGEST_GRAPHEME = 6;

function mapped(text: AlignedText, map: CharacterMap): AlignedText {
  const out: Growing = { points: [], from: [], to: [] };
  let at = 0;
  for (const { segment } of GRAPHEMES.segment(text.points.join(''))) {
    const points = [...segment];
    const whole = Buffer.byteLength(segment) < LONGEST_GRAPHEME ? map(segment) : null;
    if (whole !== null) for (const point of whole) push(out, point, text.from[at]!, text.to[at]!);
    else {
      for (const [i, point] of points.entries()) {
        for (const made of map(point) ?? point) push(out, made, text.from[at + i]!, text.to[at + i]!);
      }
    }
    at += points.length;
  }
  return out;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function composed(text: AlignedText, form: Form): AlignedText {
  const out: Growing = { points: [], from: [], to: [] };
  let at = 0;
  for (const [cluster] of text.points.join('').matchAll(CLUSTERS)) {
    const points = [...cluster];
    const places = points.map((_, i) => at + i);
    at += points.length;
    const made = [...cluster.normalize(form)];
    if (made.join('') === cluster) {
      for (const [i, place] of places.entries()) push(out, points[i]!, text.from[place]!, text.to[place]!);
      continue;
    }
    const kept = placesOf(points, made, form, places);
    for (const [i, point] of made.entries()) push(out, point, text.from[kept[i]!]!, text.to[kept[i]!]!);
  }
  return out;
}

/** For each character of a normalised cluster the place of the character that it came from. */
function placesOf(points: readonly string[], made: readonly string[], form: Form, places: readonly number[]): number[] {
  const apart = form.endsWith('C') ? (form === 'NFC' ? 'NFD' : 'NFKD') : form;
  const sources = points.flatMap((point, i) => [...point.normalize(apart)].map(() => places[i]!));
  if (form === apart) return sources;
  if (points.length > LONGEST_CLUSTER) return made.map((_, i) => sources[Math.min(i, sources.length - 1)]!);
  const pieces = [...points.join('').normalize(apart)];
  const kept: number[] = [];
  for (const [i, source] of sources.entries()) {
    const count = [
      ...pieces
        .slice(0, i + 1)
        .join('')
        .normalize(form),
    ].length;
    if (count > kept.length) kept.push(source);
  }
  return made.map((_, i) => kept[Math.min(i, kept.length - 1)]!);
}
