import type { LibraryModel } from './library.ts';
import { bytesIn, type Model, remembered } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';
import { unknownWord } from './word-level.ts';

/** What a token that goes on with a word begins with. */
export const USUAL_PREFIX = '##';
export const USUAL_UNKNOWN = '[UNK]';

/** The longest token that a word begins with, then the longest that goes on with its prefix; else the word is unknown. */
export function wordPiece(
  config: Readonly<Record<string, unknown>>,
  vocabulary: Vocabulary,
  library: LibraryModel,
): Model {
  const unknown = String(config.unk_token);
  const prefix = String(config.continuing_subword_prefix);
  return {
    ...vocabulary,
    tokenize: remembered((word) => {
      const values = library.encode([word]);
      if (values.length === 1) {
        const id = values[0] === unknown ? unknownWord(vocabulary, unknown) : vocabulary.idOf(values[0]!)!;
        return [{ id, value: values[0]!, from: 0, to: bytesIn(word) }];
      }
      let from = 0;
      return values.map((value, i) => {
        const start = from;
        from += bytesIn(i === 0 ? value : value.slice(prefix.length));
        return { id: vocabulary.idOf(value)!, value, from: start, to: from };
      });
    }),
  };
}
