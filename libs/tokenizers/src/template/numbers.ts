import { TemplateError } from './errors.ts';

/** Python's `//` of ints: towards less. */
export function divideFloor(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new TemplateError('integer division by zero');
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

const MOST_BITS = 100_000;

/** Python's arithmetic of two numbers. @throws TemplateError where it has no result */
export function arithmetic(operator: string, a: bigint | number, b: bigint | number): bigint | number {
  if (operator !== '/' && typeof a === 'bigint' && typeof b === 'bigint') {
    if (operator === '+') return a + b;
    if (operator === '-') return a - b;
    if (operator === '*') return a * b;
    if (operator === '//') return divideFloor(a, b);
    if (operator === '%') return a - b * divideFloor(a, b);
    if (operator === '**' && b >= 0n) {
      if (b * BigInt(a.toString(2).length) > MOST_BITS) throw new TemplateError('a power is too large');
      return a ** b;
    }
  }
  const [x, y] = [Number(a), Number(b)];
  if (['/', '//', '%'].includes(operator) && y === 0) throw new TemplateError('division by zero');
  switch (operator) {
    case '+':
      return x + y;
    case '-':
      return x - y;
    case '*':
      return x * y;
    case '/':
      return x / y;
    case '//':
      return Math.floor(x / y);
    case '%':
      return x - y * Math.floor(x / y);
    default:
      if (x < 0 && !Number.isInteger(y)) throw new TemplateError('a power is no real number');
      if (x === 0 && y < 0) throw new TemplateError('0 cannot be raised to a negative power');
      return x ** y;
  }
}
