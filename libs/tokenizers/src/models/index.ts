import { isRecord, UserError } from '@sonde/base';
import { bpe } from './bpe.ts';
import { libraryModel } from './library.ts';
import type { Model } from './model.ts';
import { unigram } from './unigram.ts';
import { vocabularyOf } from './vocabulary.ts';
import { wordLevel } from './word-level.ts';
import { USUAL_PREFIX, USUAL_UNKNOWN, wordPiece } from './word-piece.ts';

/** @param config the model of a tokenizer.json that has been looked through @throws UserError */
export async function modelOf(config: unknown): Promise<Model> {
  if (!isRecord(config)) throw new UserError('model', 'tokenizer.json has no model.');
  const { vocab } = config;
  const vocabulary = vocabularyOf(
    Array.isArray(vocab)
      ? vocab.map((entry: readonly [string, number], id) => [entry[0], id] as const)
      : Object.entries(vocab as Readonly<Record<string, number>>),
  );
  const type = kindOf(config);
  switch (type) {
    case 'BPE':
      return bpe(config, vocabulary, await libraryModel({ ...config, type }));
    case 'Unigram':
      return unigram(config, vocabulary, await libraryModel({ ...config, type }));
    case 'WordPiece': {
      const { unk_token = null, continuing_subword_prefix = null } = config;
      const whole = {
        ...config,
        type,
        unk_token: unk_token ?? USUAL_UNKNOWN,
        continuing_subword_prefix: continuing_subword_prefix ?? USUAL_PREFIX,
      };
      return wordPiece(whole, vocabulary, await libraryModel(whole));
    }
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
