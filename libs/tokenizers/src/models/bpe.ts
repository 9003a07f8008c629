import { UserError } from '@sonde/base';
import type { LibraryModel } from './library.ts';
import { byteFallback, bytesIn, type Model, type ModelToken, remembered } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';
import { unknownWord } from './word-level.ts';

/**
 * Byte pair encoding: characters, of which the pair that comes first in the list of merges is joined until none is left.
 * A character that no token has is its bytes, where those are tokens, or unknown.
 * @throws UserError if a merge is of tokens that are not in the vocabulary, or some are left out at random
 */
export function bpe(config: Readonly<Record<string, unknown>>, vocabulary: Vocabulary, library: LibraryModel): Model {
  const suffix = String(config.end_of_word_suffix ?? '');
  const { unk_token: unknown, fuse_unk: fuses, ignore_merges: whole } = config;
  if (typeof config.dropout === 'number' && config.dropout > 0) {
    throw new UserError('model', 'tokenizer.json: BPE with dropout makes other tokens of a text each time.');
  }
  checkMerges(config.merges, vocabulary);
  const bytesOf = byteFallback(config, vocabulary);

  /** Without the unknown token, what is not known is not there: its neighbours can be joined. */
  function knownOf(word: string): string {
    if (typeof unknown === 'string') return word;
    const points = [...word];
    const isKnown = (piece: string): boolean => vocabulary.idOf(piece) !== undefined || bytesOf(piece) !== null;
    return points.filter((point, at) => isKnown(at === points.length - 1 ? point + suffix : point)).join('');
  }

  function tokensOf(pieces: readonly string[]): ModelToken[] {
    const tokens: ModelToken[] = [];
    let from = 0;
    const add = (id: number, length: number): void => {
      tokens.push({ id, value: vocabulary.tokenOf(id) ?? '', from, to: from + length });
      from += length;
    };
    let unknownLength = 0;
    const addUnknown = (): void => {
      if (unknownLength > 0) add(unknownWord(vocabulary, String(unknown)), unknownLength);
      unknownLength = 0;
    };
    for (const [at, piece] of pieces.entries()) {
      const length = bytesIn(at === pieces.length - 1 ? piece.slice(0, piece.length - suffix.length) : piece);
      const id = vocabulary.idOf(piece);
      if (id !== undefined) {
        addUnknown();
        add(id, length);
        continue;
      }
      const fallback = bytesOf(piece);
      // An unknown character before it is added later, as there.
      if (fallback) for (const byte of fallback) add(byte.id, 1);
      else {
        if (fuses !== true) addUnknown();
        unknownLength += length;
      }
    }
    addUnknown();
    return tokens;
  }

  return {
    ...vocabulary,
    tokenize: remembered((word) => {
      const known = whole === true ? vocabulary.idOf(word) : undefined;
      if (known !== undefined) return [{ id: known, value: word, from: 0, to: bytesIn(word) }];
      return tokensOf(library.bpe(knownOf(word)));
    }),
  };
}

function checkMerges(list: unknown, vocabulary: Vocabulary): void {
  for (const merge of Array.isArray(list) ? list : []) {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ') : merge) as [string, string];
    const absent = [left, right, left + right].find((token) => vocabulary.idOf(token) === undefined);
    if (absent === undefined) continue;
    throw new UserError(
      'model',
      `tokenizer.json: the merges have ${JSON.stringify(absent)}, which its vocabulary lacks.`,
    );
  }
}
