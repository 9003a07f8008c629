import { TemplateError } from './errors.ts';

// Python's values: texts, booleans, null for None, bigint for int and number for float; arrays are lists.

export type Value =
  | string
  | boolean
  | null
  | bigint
  | number
  | readonly Value[]
  | Tuple
  | Dict
  | Range
  | Once
  | View
  | Namespace
  | Loop
  | Callable
  | Markup
  | Undefined;

/** What is not there. */
export class Undefined {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

export class Range {
  readonly bounds: readonly [bigint, bigint, bigint];
  readonly items: readonly bigint[];
  constructor(start: bigint, stop: bigint, step: bigint) {
    if (step === 0n) throw new TemplateError('range() arg 3 must not be zero');
    const count = Number(step > 0n ? (stop - start + step - 1n) / step : (start - stop - step - 1n) / -step);
    if (count > 100_000) throw new TemplateError(`a range of ${count} numbers is too long`);
    this.bounds = [start, stop, step];
    this.items = Array.from({ length: Math.max(0, count) }, (_, i) => start + BigInt(i) * step);
  }
}

/** Values that can be gone through once, as Python's generators: what many filters give. */
export class Once {
  #items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.#items = items;
  }
  take(): readonly Value[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

/** What `items()`, `keys()` and `values()` of a dictionary give. */
export class View {
  readonly name: string;
  readonly items: readonly Value[];
  constructor(name: string, items: readonly Value[]) {
    this.name = name;
    this.items = items;
  }
}

export class Namespace {
  readonly values = new Map<string, Value>();
}

/** `loop`. */
export class Loop {
  readonly attributes: ReadonlyMap<string, Value>;
  /** Goes through other values by the same body: `loop(…)`. */
  readonly again: (args: readonly Value[]) => string;
  constructor(attributes: ReadonlyMap<string, Value>, again: Loop['again']) {
    this.attributes = attributes;
    this.again = again;
  }
}

export class Callable {
  readonly name: string;
  readonly call: (args: readonly Value[], kwargs: ReadonlyMap<string, Value>) => Value;
  readonly isMacro: boolean;
  constructor(name: string, call: Callable['call'], isMacro = false) {
    this.name = name;
    this.call = call;
    this.isMacro = isMacro;
  }
}

/** What `safe` gives: it can be written, and no more is done with it. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export class Dict {
  readonly entries = new Map<string, readonly [Value, Value]>();
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.entries.set(keyOf(key), [this.entries.get(keyOf(key))?.[0] ?? key, value]);
  }
  get(key: Value): Value | undefined {
    return this.entries.get(keyOf(key))?.[1];
  }
  get keys(): Value[] {
    return [...this.entries.values()].map(([key]) => key);
  }
  get values(): Value[] {
    return [...this.entries.values()].map(([, value]) => value);
  }
  get pairs(): Tuple[] {
    return [...this.entries.values()].map((pair) => new Tuple(pair));
  }
}

/** A text that equal keys of a dictionary have in common. @throws TemplateError for what cannot be one */
export function keyOf(value: Value): string {
  if (typeof value === 'string') return `s${value}`;
  if (value === null) return 'none';
  const number = numberOf(value);
  if (number !== null) return `n${Number.isInteger(Number(number)) ? BigInt(number) : number}`;
  if (value instanceof Tuple) return `t${JSON.stringify(value.items.map(keyOf))}`;
  if (value instanceof Undefined) return 'u';
  throw new TemplateError(`unhashable type: ${typeName(value)}`);
}

/** Whether a value can be a key of a dictionary. */
export function isHashable(value: Value): boolean {
  if (value instanceof Tuple) return value.items.every(isHashable);
  return typeof value !== 'object' || value === null || value instanceof Undefined;
}

/** The number that a value is; true is 1. */
export function numberOf(value: Value): bigint | number | null {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' || typeof value === 'number' ? value : null;
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Dict) return 'dict';
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof View) return value.name;
  if (typeof value === 'object') return value.constructor.name.toLowerCase();
  return { string: 'str', boolean: 'bool', bigint: 'int', number: 'float' }[typeof value as 'string'] ?? typeof value;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value !== 'object') return Boolean(value);
  if (value instanceof Markup) return value.text !== '';
  return lengthOf(value) !== 0;
}

/** How many values there are in one; null where that cannot be said. */
export function lengthOf(value: Value): number | null {
  if (typeof value === 'string') return [...value].length;
  if (isList(value)) return value.length;
  if (value instanceof Tuple || value instanceof Range || value instanceof View) return value.items.length;
  if (value instanceof Dict) return value.entries.size;
  return value instanceof Undefined ? 0 : null;
}

/** The values in one, in their order; null where there are none to go through. */
export function itemsOf(value: Value): readonly Value[] | null {
  if (typeof value === 'string') return [...value];
  if (isList(value)) return value;
  if (value instanceof Tuple || value instanceof Range || value instanceof View) return value.items;
  if (value instanceof Dict) return value.keys;
  if (value instanceof Once) return value.take();
  return value instanceof Undefined ? [] : null;
}

export function iterate(value: Value): readonly Value[] {
  const items = itemsOf(value);
  if (items) return items;
  throw new TemplateError(`a ${typeName(value)} cannot be gone through`);
}

/** Python's `str`. */
export function str(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) return '';
  if (value instanceof Markup) return value.text;
  return repr(value);
}

/** Python's `repr`. @throws TemplateError for what Python writes with its place in memory */
export function repr(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return reprFloat(value);
  if (typeof value === 'string') return reprText(value);
  if (value instanceof Undefined) return 'Undefined';
  if (isList(value)) return `[${value.map(repr).join(', ')}]`;
  if (value instanceof Tuple) return `(${value.items.map(repr).join(', ')}${value.items.length === 1 ? ',' : ''})`;
  if (value instanceof Dict) {
    return `{${[...value.entries.values()].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`;
  }
  if (value instanceof View) return `${value.name}([${value.items.map(repr).join(', ')}])`;
  if (value instanceof Range) {
    const [start, stop, step] = value.bounds;
    return `range(${start}, ${stop}${step === 1n ? '' : `, ${step}`})`;
  }
  throw new TemplateError(`a ${typeName(value)} cannot be written; write what is in it, with "list" or "join"`);
}

function reprFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const places = Math.max(0, (digits.split('.')[1]?.length ?? 0) - exponent);
  return places === 0 ? `${BigInt(value)}.0` : value.toFixed(places);
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** What Python does not print: controls, separators but the space, and what has no meaning. */
const UNPRINTABLE = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(UNPRINTABLE, (character) => {
    const known = ESCAPED[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return quote + (quote === "'" ? body.replaceAll("'", "\\'") : body) + quote;
}

export function isEqual(a: Value, b: Value): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: an int and a float are equal where their values are
  if (x !== null && y !== null) return x == y;
  if (isList(a) && isList(b)) return areEqual(a, b);
  if (a instanceof Tuple && b instanceof Tuple) return areEqual(a.items, b.items);
  if (a instanceof Range && b instanceof Range) return areEqual(a.items, b.items);
  if (a instanceof Dict && b instanceof Dict) {
    const inB = (key: Value, value: Value): boolean => {
      const other = b.get(key);
      return other !== undefined && isEqual(value, other);
    };
    return a.entries.size === b.entries.size && [...a.entries.values()].every(([key, value]) => inB(key, value));
  }
  if (a instanceof Markup || b instanceof Markup) return str(a) === str(b);
  if (a instanceof Undefined) return b instanceof Undefined;
  return a === b;
}

function areEqual(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => isEqual(item, b[i]!));
}

/** Below 0 where a comes before b. @throws TemplateError where Python does not compare them */
export function compare(a: Value, b: Value): number {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return x < y ? -1 : x > y ? 1 : 0;
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  const lists = isList(a) && isList(b) ? [a, b] : a instanceof Tuple && b instanceof Tuple ? [a.items, b.items] : null;
  if (!lists) throw new TemplateError(`a ${typeName(a)} and a ${typeName(b)} cannot be compared`);
  const [left, right] = lists as [readonly Value[], readonly Value[]];
  const place = left.findIndex((item, i) => i >= right.length || !isEqual(item, right[i]!));
  if (place < 0) return left.length - right.length;
  return place < right.length ? compare(left[place]!, right[place]!) : 1;
}

/** By code points. */
function compareTexts(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  const place = x.findIndex((character, i) => character !== y[i]);
  if (place < 0) return x.length - y.length;
  return place < y.length ? x[place]!.codePointAt(0)! - y[place]!.codePointAt(0)! : 1;
}

/** Whether a value is in another: Python's `in`. */
export function contains(container: Value, value: Value): boolean {
  if (typeof container === 'string') {
    if (typeof value === 'string') return container.includes(value);
    throw new TemplateError(`a text holds texts, not a ${typeName(value)}`);
  }
  if (container instanceof Dict) return container.get(value) !== undefined;
  return iterate(container).some((item) => isEqual(item, value));
}

/** A whole number that a function is given. */
export function integerOf(value: Value, what: string): number {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return Number(value);
  throw new TemplateError(`${what} is a ${typeName(value)}; expected an integer`);
}

/** The places that `[start:stop:step]` takes of so many. */
export function sliced(length: number, bounds: readonly (Value | null)[]): number[] {
  const [start, stop, step] = bounds.map((bound) => (bound === null ? null : integerOf(bound, 'a slice’s bound')));
  const by = step ?? 1;
  if (by === 0) throw new TemplateError('slice step cannot be zero');
  const clip = (bound: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, bound < 0 ? bound + length : bound));
  const [low, high] = by > 0 ? [0, length] : [-1, length - 1];
  const first = start === null || start === undefined ? (by > 0 ? 0 : length - 1) : clip(start, low, high);
  const last = stop === null || stop === undefined ? (by > 0 ? length : -1) : clip(stop, low, high);
  const places: number[] = [];
  for (let i = first; by > 0 ? i < last : i > last; i += by) places.push(i);
  return places;
}

/** A value of JavaScript as one of Python; whole numbers are ints. */
export function fromPlain(value: unknown): Value {
  if (value === undefined) return new Undefined('it');
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint')
    return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(fromPlain);
  if (value instanceof Callable) return value;
  return new Dict(Object.entries(value).map(([key, item]) => [key, fromPlain(item)]));
}
