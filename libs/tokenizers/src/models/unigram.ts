import { UserError } from '@sonde/base';
import type { LibraryModel } from './library.ts';
import { byteFallback, bytesIn, type Model, type ModelToken, remembered } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';

/** The most likely tokens that a word can be made of; unknown characters in a row are one. */
export function unigram(
  config: Readonly<Record<string, unknown>>,
  vocabulary: Vocabulary,
  library: LibraryModel,
): Model {
  const unknown = typeof config.unk_id === 'number' ? config.unk_id : null;
  const bytesOf = byteFallback(config, vocabulary);

  function unknownId(): number {
    if (unknown !== null) return unknown;
    throw new UserError(
      'model',
      'A text has a character that no token of tokenizer.json has, which names no unknown one.',
    );
  }

  function parts(word: string): string[] {
    const joined: string[] = [];
    let afterUnknown = false;
    for (const piece of library.tokenize(word)) {
      const isUnknown = (vocabulary.idOf(piece) ?? unknownId()) === unknown;
      if (isUnknown && afterUnknown) joined.push(`${joined.pop()}${piece}`);
      else joined.push(piece);
      afterUnknown = isUnknown;
    }
    return joined;
  }

  return {
    ...vocabulary,
    tokenize: remembered((word) => {
      const tokens: ModelToken[] = [];
      let from = 0;
      for (const value of parts(word)) {
        const to = from + bytesIn(value);
        const id = vocabulary.idOf(value);
        const fallback = id === undefined ? bytesOf(value) : null;
        tokens.push(...(fallback ?? [{ id: id ?? unknownId(), value }]).map((token) => ({ ...token, from, to })));
        from = to;
      }
      return tokens;
    }),
  };
}
