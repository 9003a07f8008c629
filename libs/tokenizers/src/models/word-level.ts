import { UserError } from '@sonde/base';
import { bytesIn, type Model } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';

/** @throws UserError for a word that is not in a vocabulary without the unknown token */
export function unknownWord(vocabulary: Vocabulary, token: string): number {
  const id = vocabulary.idOf(token);
  if (id !== undefined) return id;
  throw new UserError(
    'model',
    `The unknown token ${JSON.stringify(token)} of tokenizer.json is not in its vocabulary, and a text has an unknown word.`,
  );
}

/** A word is a token. */
export function wordLevel(config: Readonly<Record<string, unknown>>, vocabulary: Vocabulary): Model {
  const { unk_token: unknown = '<unk>' } = config;
  return {
    ...vocabulary,
    tokenize(word) {
      const id = vocabulary.idOf(word);
      const to = bytesIn(word);
      if (id !== undefined) return [{ id, value: word, from: 0, to }];
      return [{ id: unknownWord(vocabulary, String(unknown)), value: String(unknown), from: 0, to }];
    },
  };
}
