import { bytesIn, type Model, type ModelToken, remembered } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';
import { unknownWord } from './word-level.ts';

/** The longest token that a word begins with, then the longest that goes on with its prefix; else the word is unknown. */
export function wordPiece(config: Readonly<Record<string, unknown>>, vocabulary: Vocabulary): Model {
  const unknown = String(config.unk_token ?? '[UNK]');
  const prefix = String(config.continuing_subword_prefix ?? '##');
  const most = typeof config.max_input_chars_per_word === 'number' ? config.max_input_chars_per_word : 100;

  function pieces(points: readonly string[]): ModelToken[] | null {
    const tokens: ModelToken[] = [];
    let [start, from] = [0, 0];
    while (start < points.length) {
      let end = points.length;
      let found: ModelToken | undefined;
      for (; end > start && !found; end--) {
        const text = points.slice(start, end).join('');
        const value = start > 0 ? prefix + text : text;
        const id = vocabulary.idOf(value);
        if (id !== undefined) found = { id, value, from, to: from + bytesIn(text) };
      }
      if (!found) return null;
      tokens.push(found);
      start = end + 1;
      from = found.to;
    }
    return tokens;
  }

  return {
    ...vocabulary,
    tokenize: remembered((word) => {
      const points = [...word];
      const tokens = points.length > most ? null : pieces(points);
      return tokens ?? [{ id: unknownWord(vocabulary, unknown), value: unknown, from: 0, to: bytesIn(word) }];
    }),
  };
}
