import { UserError } from '@sonde/base';
import { BYTE_TOKENS, bytesIn, type Model, type ModelToken, remembered } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What an unknown character costs over the least likely token. */
const UNKNOWN_PENALTY = 10;

/** The best way to a place of a word: from where, by which token, and its score. */
interface Best {
  readonly from: number;
  readonly id: number | null;
  readonly score: number;
}

/** The most likely tokens that a word can be made of; unknown characters in a row are one. */
export function unigram(config: Readonly<Record<string, unknown>>, vocabulary: Vocabulary): Model {
  const entries = config.vocab as readonly (readonly [string, number])[];
  const unknown = typeof config.unk_id === 'number' ? config.unk_id : null;
  let longest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [token, score] of entries) {
    longest = Math.max(longest, token.length);
    least = Math.min(least, score);
  }
  const unknownScore = least - UNKNOWN_PENALTY;
  const bytes = config.byte_fallback === true ? BYTE_TOKENS.map((token) => vocabulary.idOf(token)) : [];

  function unknownId(): number {
    if (unknown !== null) return unknown;
    throw new UserError(
      'model',
      'A text has a character that no token of tokenizer.json has, which names no unknown one.',
    );
  }

  /** The best way to each place in UTF-16 units where a character ends. */
  function ways(word: string): readonly (Best | undefined)[] {
    const best: (Best | undefined)[] = [];
    const offer = (to: number, way: Best): void => {
      const before = best[to];
      if (!before || way.score > before.score) best[to] = way;
    };
    for (let from = 0; from < word.length; ) {
      const here = best[from]?.score ?? 0;
      const step = (word.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      let alone = false;
      for (let to = from + step; to <= word.length && to - from <= longest; to++) {
        const id = vocabulary.idOf(word.slice(from, to));
        if (id === undefined) continue;
        offer(to, { from, id, score: entries[id]![1] + here });
        alone ||= to === from + step;
      }
      if (!alone) offer(from + step, { from, id: unknownId(), score: unknownScore + here });
      from += step;
    }
    return best;
  }

  /** The texts of the tokens. */
  function parts(word: string): string[] {
    const best = ways(word);
    const found: string[] = [];
    let end = word.length;
    for (let at = end; at > 0; ) {
      const { from, id } = best[at]!;
      const isUnknown = id === unknown;
      if (!isUnknown) {
        if (at < end) found.push(word.slice(at, end));
        found.push(word.slice(from, at));
        end = from;
      }
      at = from;
    }
    if (end > 0) found.push(word.slice(0, end));
    return found.reverse();
  }

  return {
    ...vocabulary,
    tokenize: remembered((word) => {
      const tokens: ModelToken[] = [];
      let from = 0;
      for (const value of parts(word)) {
        const to = from + bytesIn(value);
        const id = vocabulary.idOf(value);
        const fallback = id === undefined ? [...Buffer.from(value)].map((byte) => bytes[byte]) : [];
        if (id === undefined && fallback.every((byte) => byte !== undefined)) {
          for (const [i, byte] of fallback.entries())
            tokens.push({ id: byte, value: BYTE_TOKENS[Buffer.from(value)[i]!]!, from, to });
        } else tokens.push({ id: id ?? unknownId(), value, from, to });
        from = to;
      }
      return tokens;
    }),
  };
}
