/** A scorer that cannot be opened or that broke its contract. The message says what was found, where, what to do. */
export class ScorerError extends Error {
  override readonly name = 'ScorerError';
}
