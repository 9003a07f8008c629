/** A probe was asked of input that cannot carry it; the message says what was found and what to give instead. */
export class ProbingError extends Error {
  override name = 'ProbingError';
}

/** Throws unless `value` is an integer of at least `least`. */
export function requireInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new ProbingError(`${name} is ${value}; give an integer of at least ${least}.`);
  }
}
