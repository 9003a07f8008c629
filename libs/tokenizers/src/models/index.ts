import { isRecord, UserError } from '@sonde/base';
import { bpe } from './bpe.ts';
import type { Model } from './model.ts';
import { unigram } from './unigram.ts';
import { vocabularyOf } from './vocabulary.ts';
import { wordLevel } from './word-level.ts';
import { wordPiece } from './word-piece.ts';

/** @param config the model of a tokenizer.json that has been looked through @throws UserError */
export function modelOf(config: unknown): Model {
  if (!isRecord(config)) throw new UserError('model', 'tokenizer.json has no model.');
  const { vocab } = config;
  const vocabulary = vocabularyOf(
    Array.isArray(vocab)
      ? vocab.map((entry: readonly [string, number], id) => [entry[0], id] as const)
      : Object.entries(vocab as Readonly<Record<string, number>>),
  );
  switch (kindOf(config)) {
    case 'BPE':
      return bpe(config, vocabulary);
    case 'Unigram':
      return unigram(config, vocabulary);
    case 'WordPiece':
      return wordPiece(config, vocabulary);
    default:
      return wordLevel(config, vocabulary);
  }
}

/** The kind of a model, which older files do not name. */
export function kindOf(config: Readonly<Record<string, unknown>>): string {
  if (typeof config.type === 'string') return config.type;
  if (config.merges !== undefined) return 'BPE';
  if (Array.isArray(config.vocab)) return 'Unigram';
  return config.continuing_subword_prefix === undefined ? 'WordLevel' : 'WordPiece';
}
