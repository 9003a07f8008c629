/** The tokens of a model and their numbers. */
export interface Vocabulary {
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

/** @param tokens tokens with their numbers; of one that is there twice the last number counts */
export function vocabularyOf(tokens: Iterable<readonly [string, number]>): Vocabulary {
  const ids = new Map(tokens);
  const texts = new Map<number, string>();
  for (const [token, id] of ids) texts.set(id, token);
  return { idOf: (token) => ids.get(token), tokenOf: (id) => texts.get(id) };
}
