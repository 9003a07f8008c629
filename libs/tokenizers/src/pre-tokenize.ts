import { isRecord, UserError } from '@sonde/base';
import { type AlignedText, expanded, inPoints, plain, prepended, slice } from './aligned-text.ts';
import { charactersOfBytes } from './byte-level.ts';
import { matching, type Pattern, patternOf } from './patterns.ts';
import { scriptOf } from './scripts.ts';

/** Splits a text into the words that the model reads, as Hugging Face's tokenizers do; none of them is empty. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
const BEHAVIORS: readonly Behavior[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const WORDS = matching(new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu'));
const SPACE = matching(/\p{White_Space}/gu);
const DIGIT = matching(/[\p{Nd}\p{Nl}\p{No}]/gu);
const PUNCTUATION = matching(/[\p{P}\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E]/gu);
const GPT2 = patternOf({
  Regex: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
});

/** @param config the part of tokenizer.json @throws UserError if it is one that is not known */
export function preTokenizerOf(config: unknown): PreTokenizer {
  if (!isRecord(config)) return (text) => [text];
  switch (config.type) {
    case 'Sequence':
      return inTurn((Array.isArray(config.pretokenizers) ? config.pretokenizers : []).map(preTokenizerOf));
    case 'Split': {
      const pattern = patternOf(config.pattern);
      const behavior = behaviorOf(config.behavior);
      return (text) => split(text, pattern, behavior, config.invert === true);
    }
    case 'Digits': {
      const behavior = config.individual_digits === true ? 'Isolated' : 'Contiguous';
      return (text) => split(text, DIGIT, behavior);
    }
    case 'Punctuation': {
      const behavior = behaviorOf(config.behavior ?? 'Isolated');
      return (text) => split(text, PUNCTUATION, behavior);
    }
    case 'Whitespace':
      return (text) => split(text, WORDS, 'Removed', true);
    case 'WhitespaceSplit':
      return (text) => split(text, SPACE, 'Removed');
    case 'BertPreTokenizer':
      return inTurn([(text) => split(text, SPACE, 'Removed'), (text) => split(text, PUNCTUATION, 'Isolated')]);
    case 'CharDelimiterSplit': {
      const delimiter = patternOf({ String: String(config.delimiter) });
      return (text) => split(text, delimiter, 'Removed');
    }
    case 'FixedLength': {
      const length = typeof config.length === 'number' ? config.length : 5;
      return ({ points, ...places }) =>
        Array.from({ length: Math.ceil(points.length / length) }, (_, i) =>
          slice({ points, ...places }, i * length, (i + 1) * length),
        );
    }
    case 'UnicodeScripts':
      return byScript;
    case 'ByteLevel':
      return byteLevel(config);
    case 'Metaspace':
      return metaspace(config);
    default:
      throw new UserError(
        'model',
        `tokenizer.json: the pre-tokenizer ${JSON.stringify(config.type)} is not supported.`,
      );
  }
}

function inTurn(all: readonly PreTokenizer[]): PreTokenizer {
  return (text) => all.reduce<AlignedText[]>((words, each) => words.flatMap(each), [text]);
}

function byteLevel(config: Readonly<Record<string, unknown>>): PreTokenizer {
  const { add_prefix_space: prefix = true, use_regex: splits = true } = config;
  return (text) => {
    const whole = prefix === true && text.points[0] !== ' ' ? prepended(text, ' ') : text;
    const words = splits === true ? split(whole, GPT2, 'Isolated') : [whole];
    return words.map((word) => expanded(word, charactersOfBytes));
  };
}

function metaspace(config: Readonly<Record<string, unknown>>): PreTokenizer {
  const { replacement = '▁', split: splits = true } = config;
  const mark = String(replacement);
  const marks = patternOf({ String: mark });
  const scheme = config.add_prefix_space === false ? 'never' : (config.prepend_scheme ?? 'always');
  return (text) => {
    const marked = { ...text, points: text.points.map((point) => (point === ' ' ? mark : point)) };
    const begins = scheme === 'always' || (scheme === 'first' && text.from[0] === 0);
    const whole = begins && marked.points[0] !== mark ? prepended(marked, mark) : marked;
    return splits === true ? split(whole, marks, 'MergedWithNext') : [whole];
  };
}

/** Where the script changes; a space is of any, and what stands before the first letter of one is left out. */
function byScript(text: AlignedText): AlignedText[] {
  let last: string | null = null;
  const starts: number[] = [];
  for (const [at, point] of text.points.entries()) {
    const script = scriptOf(point);
    if (script === null) continue;
    if (script !== last) starts.push(at);
    last = script;
  }
  return starts.map((start, i) => slice(text, start, starts[i + 1] ?? text.points.length));
}

function behaviorOf(value: unknown): Behavior {
  const name = String(value).toLowerCase();
  const found = BEHAVIORS.find((behavior) => behavior.toLowerCase() === name);
  if (found) return found;
  throw new UserError(
    'model',
    `tokenizer.json: the behavior ${JSON.stringify(value)} of a pre-tokenizer is none of ${BEHAVIORS.join(', ')}.`,
  );
}

/** A part [from, to) of a text. */
interface Piece {
  from: number;
  to: number;
  readonly matched: boolean;
}

function split(text: AlignedText, pattern: Pattern, behavior: Behavior, invert = false): AlignedText[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const [from, to] of inPoints(text, pattern(plain(text)))) {
    if (from > at) pieces.push({ from: at, to: from, matched: invert });
    pieces.push({ from, to, matched: !invert });
    at = to;
  }
  if (at < text.points.length) pieces.push({ from: at, to: text.points.length, matched: invert });
  return joined(pieces, behavior)
    .filter(({ from, to }) => from < to)
    .map(({ from, to }) => slice(text, from, to));
}

function joined(pieces: readonly Piece[], behavior: Behavior): readonly Piece[] {
  switch (behavior) {
    case 'Removed':
      return pieces.filter(({ matched }) => !matched);
    case 'Isolated':
      return pieces;
    case 'Contiguous':
      return glued(pieces, (piece, last) => piece.matched === last.matched);
    case 'MergedWithPrevious':
      return glued(pieces, (piece, last) => piece.matched && !last.matched);
    case 'MergedWithNext':
      return glued(pieces, (piece, last) => last.matched && !piece.matched);
  }
}

/** Joins each piece to the one before it where `joins` says so of the two as they were. */
function glued(pieces: readonly Piece[], joins: (piece: Piece, last: Piece) => boolean): Piece[] {
  const words: Piece[] = [];
  for (const [i, piece] of pieces.entries()) {
    if (i > 0 && joins(piece, pieces[i - 1]!)) words.at(-1)!.to = piece.to;
    else words.push({ ...piece });
  }
  return words;
}
