/** A token of a word: its text, and the bytes [from, to) of the word that it stands for. */
export interface ModelToken {
  readonly id: number;
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

/** Makes tokens of words, as Hugging Face's tokenizers do. */
export interface Model {
  /** The number of a token; undefined if it is not in the vocabulary. */
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** @throws UserError where a word has no tokens */
  tokenize(word: string): readonly ModelToken[];
}

/** Words that are remembered with their tokens, and the length of the longest such. */
const MOST_WORDS = 10_000;
const LONGEST_WORD = 256;

/** Remembers what words became. */
export function remembered(tokenize: Model['tokenize']): Model['tokenize'] {
  const known = new Map<string, readonly ModelToken[]>();
  return (word) => {
    const before = known.get(word);
    if (before) return before;
    const tokens = tokenize(word);
    if (known.size < MOST_WORDS && word.length < LONGEST_WORD) known.set(word, tokens);
    return tokens;
  };
}

/** The names of the tokens that stand for bytes where a character is in no token. */
export const BYTE_TOKENS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

/** The tokens of a text's bytes; null where some are in no vocabulary, or do not stand in for characters. */
export function byteFallback(
  config: Readonly<Record<string, unknown>>,
  { idOf }: Pick<Model, 'idOf'>,
): (text: string) => readonly { readonly id: number; readonly value: string }[] | null {
  if (config.byte_fallback !== true) return () => null;
  const tokens = BYTE_TOKENS.map((value) => ({ id: idOf(value), value }));
  return (text) => {
    const found = [...Buffer.from(text)].flatMap((byte) => {
      const { id, value } = tokens[byte]!;
      return id === undefined ? [] : [{ id, value }];
    });
    return found.length === Buffer.byteLength(text) ? found : null;
  };
}

export function bytesIn(text: string): number {
  return Buffer.byteLength(text);
}
