import type { PreTrainedTokenizer } from '@huggingface/transformers';
import { UserError } from '@sonde/base';

/** A model of transformers.js: how words are divided. Which pieces have a number, and where they are, is found here. */
export interface LibraryModel {
  /** Of BPE: the pieces of a word after all merges; the last has the suffix. */
  bpe(word: string): readonly string[];
  /** Of Unigram: the pieces of the most likely division; a character that no token has is one. */
  tokenize(word: string): readonly string[];
  /** Of WordPiece: the tokens of words, or the unknown one. */
  encode(words: readonly string[]): readonly string[];
}

/** What a tokenizer.json has beside its model. */
const NOTHING = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };

/** @param config the model of a tokenizer.json, its kind named @throws UserError */
export async function libraryModel(config: Readonly<Record<string, unknown>>): Promise<LibraryModel> {
  // Loaded when a tokenizer is opened: planning and the command line do without it.
  const { PreTrainedTokenizer } = await import('@huggingface/transformers');
  let tokenizer: PreTrainedTokenizer;
  try {
    tokenizer = new PreTrainedTokenizer({ ...NOTHING, model: config }, {});
  } catch (error) {
    throw new UserError(
      'model',
      `its model is none that can be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return tokenizer._tokenizer.model as unknown as LibraryModel;
}
