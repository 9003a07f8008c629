/**
 * A checkpoint, adapter, prompt or option that cannot be used. The message says what was found, where, and what was
 * expected; no stack trace is needed to act on it.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}
