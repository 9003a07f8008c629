import { isRecord, UserError } from '@sonde/base';
import { type AlignedText, expanded, growing, inPoints, plain, prepended, push, slice } from './aligned-text.ts';
import { charactersOfBytes } from './byte-level.ts';
import { type CharacterMap, characterMap } from './character-map.ts';
import { type Pattern, patternOf } from './patterns.ts';

/**
 * Changes a text as Hugging Face's tokenizers do, with their alignment: a character that composes is where the first of
 * its parts was, a decomposed one where the whole was, what replaces a match where the last of the match was.
 */
export type Normalizer = (text: AlignedText) => AlignedText;

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** A starter and the marks (or Hangul vowels and finals) that may compose with it or change places. */
const CLUSTERS = /[\s\S][\p{M}\u1160-\u11ff]*/gu;
/** Longer ones are no language's; each mark costs what stands before it. */
const LONGEST_CLUSTER = 64;

/** @param config the part of tokenizer.json @throws UserError if it is one that is not known */
export function normalizerOf(config: unknown): Normalizer {
  if (!isRecord(config)) return (text) => text;
  switch (config.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form: Form = config.type;
      return (text) => composed(text, form);
    }
    case 'Sequence':
      return inTurn((Array.isArray(config.normalizers) ? config.normalizers : []).map(normalizerOf));
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => without(text, /\p{M}/u);
    case 'Strip':
      return (text) => stripped(text, config.strip_left === true, config.strip_right === true);
    case 'Replace': {
      const [pattern, content] = [patternOf(config.pattern), String(config.content ?? '')];
      return (text) => replaced(text, pattern, content);
    }
    case 'Precompiled': {
      const map = characterMap(String(config.precompiled_charsmap));
      if (!map) throw new UserError('model', 'tokenizer.json: precompiled_charsmap is no map of characters.');
      return (text) => mapped(text, map);
    }
    case 'Prepend':
      return (text) => prepended(text, String(config.prepend ?? ''));
    case 'BertNormalizer':
      return ofBert(config);
    case 'Nmt':
      return (text) => expanded(without(text, NMT_REMOVED), (point) => (NMT_SPACE.test(point) ? ' ' : point));
    case 'ByteLevel':
      return (text) => expanded(text, charactersOfBytes);
    default:
      throw new UserError('model', `tokenizer.json: the normalizer ${JSON.stringify(config.type)} is not supported.`);
  }
}

function inTurn(all: readonly Normalizer[]): Normalizer {
  return (text) => all.reduce((made, each) => each(made), text);
}

/** Character by character: what stands beside a Σ does not matter. */
const lowercase: Normalizer = (text) => expanded(text, (point) => point.toLowerCase());

function without(text: AlignedText, removed: RegExp): AlignedText {
  return expanded(text, (point) => (removed.test(point) ? '' : point));
}

const NMT_REMOVED = /(?![\0\t\n\f\r\u0080-\u008E\u0090-\u009E])\p{Cc}/u;
const NMT_SPACE = /[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/u;

const BERT_REMOVED = /[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u;
const CHINESE =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/u;

function ofBert(config: Readonly<Record<string, unknown>>): Normalizer {
  const { clean_text: clean = true, handle_chinese_chars: chinese = true, lowercase: lower = true } = config;
  const spaced: Normalizer = (text) => expanded(text, (point) => (CHINESE.test(point) ? ` ${point} ` : point));
  const cleaned: Normalizer = (text) =>
    expanded(without(text, BERT_REMOVED), (point) => (/\p{White_Space}/u.test(point) ? ' ' : point));
  const bare: Normalizer = (text) => without(composed(text, 'NFD'), /\p{Mn}/u);
  return inTurn([
    ...(clean ? [cleaned] : []),
    ...(chinese ? [spaced] : []),
    ...((config.strip_accents ?? lower) ? [bare] : []),
    ...(lower ? [lowercase] : []),
  ]);
}

function stripped(text: AlignedText, left: boolean, right: boolean): AlignedText {
  const isText = (point: string): boolean => !/\p{White_Space}/u.test(point);
  const first = left ? text.points.findIndex(isText) : 0;
  const last = right ? text.points.findLastIndex(isText) + 1 : text.points.length;
  return first < 0 ? slice(text, 0, 0) : slice(text, first, last);
}

function replaced(text: AlignedText, pattern: Pattern, content: string): AlignedText {
  const out = growing();
  let at = 0;
  const copyTo = (end: number): void => {
    for (; at < end; at++) push(out, text.points[at]!, text.from[at]!, text.to[at]!);
  };
  for (const [start, end] of inPoints(text, pattern(plain(text)))) {
    copyTo(start);
    at = end;
    for (const point of content) push(out, point, text.from[end - 1] ?? 0, text.to[end - 1] ?? 0);
  }
  copyTo(text.points.length);
  return out;
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Longer graphemes are mapped character by character, in bytes of UTF-8. */
const LONGEST_GRAPHEME = 6;

function mapped(text: AlignedText, map: CharacterMap): AlignedText {
  const out = growing();
  let at = 0;
  for (const { segment } of GRAPHEMES.segment(plain(text))) {
    const points = [...segment];
    const whole = Buffer.byteLength(segment) < LONGEST_GRAPHEME ? map(segment) : null;
    if (whole !== null) {
      for (const [i, point] of [...whole].entries()) {
        const place = at + Math.min(i, points.length - 1);
        push(out, point, text.from[place]!, text.to[place]!);
      }
    } else {
      for (const [i, point] of points.entries()) {
        for (const made of map(point) ?? point) push(out, made, text.from[at + i]!, text.to[at + i]!);
      }
    }
    at += points.length;
  }
  return out;
}

function composed(text: AlignedText, form: Form): AlignedText {
  const out = growing();
  let at = 0;
  for (const [cluster] of plain(text).matchAll(CLUSTERS)) {
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
