/** A statistic was asked of input that cannot carry it; the message says what was found and what to give instead. */
export class StatisticsError extends Error {
  override name = 'StatisticsError';
}

/** Throws unless `value` is an integer of at least `least`. */
export function requireInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new StatisticsError(`${name} is ${value}; give an integer of at least ${least}.`);
  }
}

/** Throws unless `value` lies strictly between 0 and 1. */
export function requireLevel(name: string, value: number): void {
  if (!(value > 0 && value < 1)) throw new StatisticsError(`${name} is ${value}; give a number between 0 and 1.`);
}
