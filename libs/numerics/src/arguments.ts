import { UserError } from '@sonde/base';

/** Throws unless `value` is an integer of at least `least`. */
export function requireInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UserError('argument', `${name} is ${value}; give an integer of at least ${least}.`);
  }
}

/** Throws unless `value` lies strictly between 0 and 1. */
export function requireLevel(name: string, value: number): void {
  if (!(value > 0 && value < 1)) throw new UserError('argument', `${name} is ${value}; give a number between 0 and 1.`);
}
