import { TemplateError, unsupported } from './errors.ts';
import {
  Callable,
  compare,
  contains,
  Dict,
  integerOf,
  isEqual,
  isList,
  itemsOf,
  Loop,
  lengthOf,
  Markup,
  Once,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

type Test = (value: Value, args: readonly Value[]) => boolean;

function needs(args: readonly Value[]): Value {
  if (args.length === 1) return args[0]!;
  throw new TemplateError(`a test takes one argument, and has ${args.length}`);
}

function isSame(a: Value, b: Value): boolean {
  if (a === null || typeof a === 'boolean' || typeof a === 'object') return a === b;
  throw unsupported('test', `sameas of a ${typeName(a)}`);
}

const eq: Test = (value, args) => isEqual(value, needs(args));
const lt: Test = (value, args) => compare(value, needs(args)) < 0;
const gt: Test = (value, args) => compare(value, needs(args)) > 0;
const le: Test = (value, args) => compare(value, needs(args)) <= 0;
const ge: Test = (value, args) => compare(value, needs(args)) >= 0;
const ne: Test = (value, args) => !isEqual(value, needs(args));

const TESTS: Readonly<Record<string, Test>> = {
  '!=': ne,
  '<': lt,
  '<=': le,
  '==': eq,
  '>': gt,
  '>=': ge,
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof Callable,
  defined: (value) => !(value instanceof Undefined),
  divisibleby: (value, args) => remainder(value, integerOf(needs(args), 'a divisor')) === 0,
  eq,
  equalto: eq,
  even: (value) => remainder(value, 2) === 0,
  false: (value) => value === false,
  float: (value) => typeof value === 'number',
  ge,
  greaterthan: gt,
  gt,
  in: (value, args) => contains(needs(args), value),
  integer: (value) => typeof value === 'bigint',
  iterable: (value) => isIterable(value),
  le,
  lessthan: lt,
  lower: (value) => typeof value === 'string' && value === value.toLowerCase() && value !== value.toUpperCase(),
  lt,
  mapping: (value) => value instanceof Dict,
  ne,
  none: (value) => value === null,
  number: (value) => ['boolean', 'bigint', 'number'].includes(typeof value),
  odd: (value) => remainder(value, 2) === 1,
  sameas: (value, args) => isSame(value, needs(args)),
  sequence: (value) =>
    typeof value === 'string' ||
    isList(value) ||
    value instanceof Tuple ||
    value instanceof Dict ||
    value instanceof Range ||
    value instanceof Undefined,
  string: (value) => typeof value === 'string' || value instanceof Markup,
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: (value) => typeof value === 'string' && value === value.toUpperCase() && value !== value.toLowerCase(),
};

function isIterable(value: Value): boolean {
  return value instanceof Once || value instanceof Loop || lengthOf(value) !== null || itemsOf(value) !== null;
}

function remainder(value: Value, divisor: number): number {
  if (typeof value !== 'bigint' && typeof value !== 'boolean')
    throw new TemplateError(`a ${typeName(value)} is not an integer`);
  if (divisor === 0) throw new TemplateError('integer modulo by zero');
  const by = BigInt(divisor);
  return Number(((BigInt(value) % by) + by) % by);
}

/** Whether a value passes a test. @throws TemplateError for a test that is not supported */
export function passes(name: string, value: Value, args: readonly Value[]): boolean {
  const test = Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
  if (!test) throw unsupported('test', name);
  return test(value, args);
}
