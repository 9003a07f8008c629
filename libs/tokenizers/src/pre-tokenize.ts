import { isRecord } from '@sonde/base';

/** A pre-tokenizer of transformers.js, made of one in tokenizer.json. */
export interface HubPreTokenizer {
  (text: string, options: { section_index: number }): string[];
  /** Those of a Sequence. */
  readonly tokenizers?: readonly (HubPreTokenizer | null)[];
  /** What a Split looks for, in JavaScript's words. */
  readonly pattern?: RegExp | null;
}

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu');
const SPACES = /\p{White_Space}+/gu;
const DIGIT = /[\p{Nd}\p{Nl}\p{No}]/gu;
const PUNCTUATION = /[\p{P}\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E]/gu;

/**
 * Splits a text into the words that the model reads, as Hugging Face's tokenizers do. What transformers.js splits
 * otherwise (what becomes of the matches of a pattern; digits, words, punctuation and white space beyond ASCII) is done here.
 * @param config the part of tokenizer.json @param first whether the text begins the whole one
 */
export function preTokenize(text: string, config: unknown, hub: HubPreTokenizer | null, first: boolean): string[] {
  if (!isRecord(config) || hub === null) return [text];
  switch (config.type) {
    case 'Sequence': {
      const inner = Array.isArray(config.pretokenizers) ? config.pretokenizers : [];
      return inner.reduce<string[]>(
        (words, part, i) =>
          words.flatMap((word, at) =>
            preTokenize(word, part, hub.tokenizers?.[i] ?? null, first && at === 0 && text.startsWith(word)),
          ),
        [text],
      );
    }
    case 'Split': {
      // A pattern of all text: transformers.js keeps none of it where there is no pattern.
      if (!hub.pattern) return [text];
      return split(text, hub.pattern, behaviorOf(config.behavior), config.invert === true);
    }
    case 'Digits':
      return split(text, DIGIT, config.individual_digits === true ? 'Isolated' : 'Contiguous');
    case 'Punctuation':
      return split(text, PUNCTUATION, behaviorOf(config.behavior));
    case 'Whitespace':
      return text.match(WORDS) ?? [];
    case 'WhitespaceSplit':
      return split(text, SPACES, 'Removed');
    case 'BertPreTokenizer':
      return split(text, SPACES, 'Removed').flatMap((word) => split(word, PUNCTUATION, 'Isolated'));
    case 'Metaspace': {
      const whole = hub(text, { section_index: first ? 0 : 1 });
      return config.split === false
        ? whole
        : whole.flatMap((word) => split(word, metaspaces(config), 'MergedWithNext'));
    }
    default:
      return hub(text, { section_index: first ? 0 : 1 });
  }
}

function metaspaces(config: Readonly<Record<string, unknown>>): RegExp {
  const mark = typeof config.replacement === 'string' ? config.replacement : '▁';
  return new RegExp(mark.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu');
}

function behaviorOf(value: unknown): Behavior {
  const name = String(value ?? 'Isolated').toLowerCase();
  const all: readonly Behavior[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];
  return all.find((behavior) => behavior.toLowerCase() === name) ?? 'Isolated';
}

interface Piece {
  readonly text: string;
  readonly matched: boolean;
}

function split(text: string, pattern: RegExp, behavior: Behavior, invert = false): string[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), matched: invert });
    pieces.push({ text: match[0], matched: !invert });
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), matched: invert });
  return joined(pieces, behavior);
}

function joined(pieces: readonly Piece[], behavior: Behavior): string[] {
  switch (behavior) {
    case 'Removed':
      return pieces.filter(({ matched }) => !matched).map(({ text }) => text);
    case 'Isolated':
      return pieces.map(({ text }) => text);
    case 'Contiguous':
      return glued(pieces, (piece, last) => piece.matched === last.matched);
    case 'MergedWithPrevious':
      return glued(pieces, (piece, last) => piece.matched && !last.matched);
    case 'MergedWithNext':
      return glued(pieces, (piece, last) => last.matched && !piece.matched);
  }
}

/** Joins each piece to the one before it where `joins` says so of the two as they were. */
function glued(pieces: readonly Piece[], joins: (piece: Piece, last: Piece) => boolean): string[] {
  const words: string[] = [];
  for (const [i, piece] of pieces.entries()) {
    if (i > 0 && joins(piece, pieces[i - 1]!)) words[words.length - 1] += piece.text;
    else words.push(piece.text);
  }
  return words;
}
