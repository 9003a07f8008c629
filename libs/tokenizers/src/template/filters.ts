import { bind, type Kwargs } from './arguments.ts';
import { TemplateError, unsupported } from './errors.ts';
import { percent } from './format.ts';
import { dumps } from './json.ts';
import { SPACES } from './lex.ts';
import { capitalize, replace, strip, textOf } from './methods.ts';
import { divideFloor } from './numbers.ts';
import { passes } from './tests.ts';
import {
  compare,
  Dict,
  integerOf,
  isEqual,
  isList,
  isTrue,
  iterate,
  lengthOf,
  Markup,
  Namespace,
  numberOf,
  Once,
  str,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

type Filter = (value: Value, args: readonly Value[], kwargs: Kwargs) => Value;

/** The value under a name or number of another, as filters look for it: a key, not a method. */
function itemOf(value: Value, key: Value): Value {
  if (value instanceof Dict) return value.get(key) ?? new Undefined(str(key));
  if (value instanceof Namespace && typeof key === 'string') return value.values.get(key) ?? new Undefined(key);
  if ((isList(value) || value instanceof Tuple) && typeof key === 'bigint') {
    const items = isList(value) ? value : value.items;
    return items.at(Number(key)) ?? new Undefined(str(key));
  }
  if (value instanceof Undefined) throw new TemplateError(`"${value.what}" is undefined`);
  return new Undefined(str(key));
}

/** What takes an attribute of a value, by a path of names with dots between them; the value itself where there is none. */
function attribute(path: Value | undefined, otherwise?: Value): (value: Value) => Value {
  if (path === undefined || path === null) return (value) => value;
  const names: Value[] =
    typeof path === 'string' ? path.split('.').map((name) => (/^\d+$/.test(name) ? BigInt(name) : name)) : [path];
  return (value) => {
    const found = names.reduce(itemOf, value);
    return found instanceof Undefined && otherwise !== undefined ? otherwise : found;
  };
}

function folded(value: Value): Value {
  return typeof value === 'string' ? value.toLowerCase() : value;
}

function sorted(values: readonly Value[], key: (value: Value) => Value, reverse: boolean): Value[] {
  const keyed = values.map((value) => [key(value), value] as const);
  keyed.sort(([a], [b]) => (reverse ? compare(b, a) : compare(a, b)));
  return keyed.map(([, value]) => value);
}

/** The test or attribute that `select` and its kin are given. */
function chosen(args: readonly Value[], isKept: boolean, byAttribute: boolean): (value: Value) => boolean {
  const of = byAttribute ? attribute(args[0] ?? null) : (value: Value): Value => value;
  const [name, ...rest] = byAttribute ? args.slice(1) : args;
  if (byAttribute && args.length === 0) throw new TemplateError('selectattr and rejectattr need an attribute');
  return (value) => {
    const found = of(value);
    const passed = name === undefined ? isTrue(found) : passes(textOf(name, 'a test'), found, rest);
    return passed === isKept;
  };
}

function select(isKept: boolean, byAttribute: boolean): Filter {
  return (value, args, kwargs) => {
    if (kwargs.size > 0) throw new TemplateError('select and its kin take no named arguments');
    return new Once(iterate(value).filter(chosen(args, isKept, byAttribute)));
  };
}

function extreme(name: string, sign: 1 | -1): Filter {
  return (value, args, kwargs) => {
    const given = bind(name, ['case_sensitive', 'attribute'], args, kwargs);
    const of = attribute(given.attribute);
    const key = (item: Value): Value => (isTrue(given.case_sensitive ?? false) ? of(item) : folded(of(item)));
    const items = iterate(value);
    if (items.length === 0) return new Undefined('the greatest or least of nothing');
    return items.reduce((best, item) => (sign * compare(key(item), key(best)) > 0 ? item : best));
  };
}

function int(value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const { default: otherwise = 0n, base = 10n } = bind('int', ['default', 'base'], args, kwargs);
  if (base !== 10n) throw unsupported('argument of int', 'base');
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : otherwise;
  const number = numberOf(value);
  if (number !== null) return number;
  if (typeof value !== 'string') return otherwise;
  const text = strip(value, undefined, 'both');
  if (/^[+-]?\d+(_\d+)*$/.test(text)) return BigInt(text.replaceAll('_', '').replace(/^\+/, ''));
  const real = float(value, [], new Map());
  return isReal(text) && typeof real === 'number' && Number.isFinite(real) ? BigInt(Math.trunc(real)) : otherwise;
}

function isReal(text: string): boolean {
  return /^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/i.test(text);
}

function float(value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const { default: otherwise = 0 } = bind('float', ['default'], args, kwargs);
  const number = numberOf(value);
  if (number !== null) return Number(number);
  const text = typeof value === 'string' ? strip(value, undefined, 'both') : '';
  return isReal(text) ? Number(text.replaceAll('_', '')) : otherwise;
}

function round(value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const { precision = 0n, method = 'common' } = bind('round', ['precision', 'method'], args, kwargs);
  const number = numberOf(value);
  if (number === null) throw new TemplateError(`a ${typeName(value)} cannot be rounded`);
  const places = integerOf(precision, 'precision');
  const factor = 10 ** places;
  if (method === 'ceil') return Math.ceil(Number(number) * factor) / factor;
  if (method === 'floor') return Math.floor(Number(number) * factor) / factor;
  if (method !== 'common') throw new TemplateError('method must be common, ceil or floor');
  if (typeof number === 'bigint') return places >= 0 ? number : divideFloor(number, 1n);
  return roundHalfEven(number, places);
}

/** As Python rounds a float: by its exact value, halves to the even neighbour. */
function roundHalfEven(value: number, places: number): number {
  if (places < 0 || places > 15 || Math.abs(value) > 2 ** 52) throw unsupported('argument of round', String(places));
  const [whole = '', fraction = ''] = Math.abs(value).toFixed(60).slice(0, -1).split('.');
  const digits = whole + fraction.slice(0, places);
  const rest = fraction.slice(places);
  const half = `5${'0'.repeat(rest.length - 1)}`;
  const isUp = rest > half || (rest === half && Number(digits.at(-1)) % 2 === 1);
  const rounded = (BigInt(digits) + (isUp ? 1n : 0n)).toString().padStart(places + 1, '0');
  const text = places === 0 ? rounded : `${rounded.slice(0, -places)}.${rounded.slice(-places)}`;
  return Math.sign(value) * Number(text);
}

function indent(value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const { width = 4n, first = false, blank = false } = bind('indent', ['width', 'first', 'blank'], args, kwargs);
  const space = typeof width === 'string' ? width : ' '.repeat(integerOf(width, 'width'));
  const lines = str(value).split('\n');
  const indented = lines.map((line, i) => (i === 0 || (line === '' && !isTrue(blank)) ? line : space + line));
  return (isTrue(first) ? space : '') + indented.join('\n');
}

const TITLE = new RegExp(`([-${SPACES}({[<]+)`);

function tojson(value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const names = ['ensure_ascii', 'indent', 'separators', 'sort_keys'] as const;
  const given = bind('tojson', names, args, kwargs);
  const { indent: by = null, separators = null } = given;
  const space = by === null ? null : typeof by === 'string' ? by : ' '.repeat(Math.max(0, integerOf(by, 'indent')));
  const pair = separators === null ? [space === null ? ', ' : ',', ': '] : iterate(separators).map(str);
  if (pair.length !== 2) throw new TemplateError('separators must be two texts');
  return dumps(value, {
    indent: space,
    ensureAscii: isTrue(given.ensure_ascii ?? false),
    sortKeys: isTrue(given.sort_keys ?? false),
    separators: [pair[0]!, pair[1]!],
  });
}

function defaultOf(value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const { default_value = '', boolean = false } = bind('default', ['default_value', 'boolean'], args, kwargs);
  return value instanceof Undefined || (isTrue(boolean) && !isTrue(value)) ? default_value : value;
}

function length(value: Value): Value {
  const count = lengthOf(value);
  if (count === null) throw new TemplateError(`a ${typeName(value)} has no length`);
  return BigInt(count);
}

/** The filters that are supported, by their names. */
const FILTERS: Readonly<Record<string, Filter>> = {
  abs(value) {
    const number = numberOf(value);
    if (number === null) throw new TemplateError(`a ${typeName(value)} has no absolute value`);
    return number < 0 ? -number : number;
  },
  attr: (value, args) => (value instanceof Dict ? new Undefined(str(args[0] ?? null)) : itemOf(value, args[0] ?? null)),
  format(value, args, kwargs) {
    if (args.length > 0 && kwargs.size > 0) throw new TemplateError('format takes values by place or by name');
    return percent(str(value), kwargs.size > 0 ? new Dict([...kwargs]) : new Tuple(args));
  },
  batch(value, args, kwargs) {
    const { linecount, fill_with = null } = bind('batch', ['linecount', 'fill_with'], args, kwargs);
    const size = integerOf(linecount ?? null, 'linecount');
    const items = iterate(value);
    const batches: Value[][] = [];
    for (let at = 0; at < items.length; at += size) batches.push(items.slice(at, at + size));
    const last = batches.at(-1);
    while (last && fill_with !== null && last.length < size) last.push(fill_with);
    return new Once(batches);
  },
  capitalize: (value) => capitalize(str(value)),
  center(value, args, kwargs) {
    const { width = 80n } = bind('center', ['width'], args, kwargs);
    const text = str(value);
    const missing = Math.max(0, integerOf(width, 'width') - [...text].length);
    const left = Math.floor(missing / 2) + (missing % 2 === 1 && integerOf(width, 'width') % 2 === 1 ? 1 : 0);
    return ' '.repeat(left) + text + ' '.repeat(missing - left);
  },
  count: length,
  d: defaultOf,
  default: defaultOf,
  dictsort(value, args, kwargs) {
    const given = bind('dictsort', ['case_sensitive', 'by', 'reverse'], args, kwargs);
    if (!(value instanceof Dict)) throw new TemplateError(`a ${typeName(value)} is no dictionary`);
    const place = { key: 0, value: 1 }[str(given.by ?? 'key')];
    if (place === undefined) throw new TemplateError('dictsort is by key or by value');
    const isExact = isTrue(given.case_sensitive ?? false);
    const key = (pair: Value): Value => {
      const part = (pair as Tuple).items[place]!;
      return isExact ? part : folded(part);
    };
    return sorted(value.pairs, key, isTrue(given.reverse ?? false));
  },
  first: (value) => iterate(value)[0] ?? new Undefined('the first of nothing'),
  float,
  groupby(value, args, kwargs) {
    const given = bind('groupby', ['attribute', 'default', 'case_sensitive'], args, kwargs);
    const of = attribute(given.attribute, given.default);
    const key = (item: Value): Value => (isTrue(given.case_sensitive ?? false) ? of(item) : folded(of(item)));
    const groups: [Value, Value[]][] = [];
    for (const item of sorted(iterate(value), key, false)) {
      const last = groups.at(-1);
      if (last && isEqual(key(last[1][0]!), key(item))) last[1].push(item);
      else groups.push([of(item), [item]]);
    }
    return groups.map((pair) => new Tuple(pair));
  },
  indent,
  int,
  items(value) {
    if (value instanceof Undefined) return new Once([]);
    if (!(value instanceof Dict)) throw new TemplateError('items needs a dictionary');
    return new Once(value.pairs);
  },
  join(value, args, kwargs) {
    const { d = '', attribute: path } = bind('join', ['d', 'attribute'], args, kwargs);
    return iterate(value)
      .map((item) => str(attribute(path)(item)))
      .join(str(d));
  },
  last: (value) => iterate(value).at(-1) ?? new Undefined('the last of nothing'),
  length,
  list: (value) => [...iterate(value)],
  lower: (value) => str(value).toLowerCase(),
  map(value, args, kwargs) {
    if (args.length === 0) {
      const given = bind('map', ['attribute', 'default'], args, kwargs);
      if (given.attribute === undefined) throw new TemplateError('map needs an attribute or a filter');
      return new Once(iterate(value).map(attribute(given.attribute, given.default)));
    }
    const [name, ...rest] = args;
    return new Once(iterate(value).map((item) => filtered(textOf(name, 'a filter'), item, rest, kwargs)));
  },
  max: extreme('max', 1),
  min: extreme('min', -1),
  reject: select(false, false),
  rejectattr: select(false, true),
  replace(value, args, kwargs) {
    const { old, new: to, count = null } = bind('replace', ['old', 'new', 'count'], args, kwargs);
    const most = count === null ? -1 : integerOf(count, 'count');
    return replace(str(value), str(old ?? null), str(to ?? null), most);
  },
  reverse(value) {
    if (typeof value === 'string') return [...value].reverse().join('');
    return new Once([...iterate(value)].reverse());
  },
  round,
  safe: (value) => new Markup(str(value)),
  select: select(true, false),
  selectattr: select(true, true),
  slice(value, args, kwargs) {
    const { slices, fill_with = null } = bind('slice', ['slices', 'fill_with'], args, kwargs);
    const [items, count] = [iterate(value), integerOf(slices ?? null, 'slices')];
    const [each, more] = [Math.floor(items.length / count), items.length % count];
    const parts = Array.from({ length: count }, (_, i): Value[] => {
      const start = i * each + Math.min(i, more);
      const part = items.slice(start, start + each + (i < more ? 1 : 0));
      return fill_with !== null && i >= more ? [...part, fill_with] : part;
    });
    return new Once(parts);
  },
  sort(value, args, kwargs) {
    const given = bind('sort', ['reverse', 'case_sensitive', 'attribute'], args, kwargs);
    const of = attribute(given.attribute);
    const key = (item: Value): Value => (isTrue(given.case_sensitive ?? false) ? of(item) : folded(of(item)));
    return sorted(iterate(value), key, isTrue(given.reverse ?? false));
  },
  string: (value) => str(value),
  sum(value, args, kwargs) {
    const { attribute: path, start = 0n } = bind('sum', ['attribute', 'start'], args, kwargs);
    return iterate(value)
      .map(attribute(path))
      .reduce((sum, item) => {
        const [a, b] = [numberOf(sum), numberOf(item)];
        if (a === null || b === null) throw new TemplateError(`a ${typeName(item)} cannot be added up`);
        return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
      }, start);
  },
  title: (value) =>
    str(value)
      .split(TITLE)
      .map((part) => capitalize(part))
      .join(''),
  tojson,
  trim(value, args, kwargs) {
    const { chars = null } = bind('trim', ['chars'], args, kwargs);
    return strip(str(value), chars, 'both');
  },
  unique(value, args, kwargs) {
    const given = bind('unique', ['case_sensitive', 'attribute'], args, kwargs);
    const of = attribute(given.attribute);
    const key = (item: Value): Value => (isTrue(given.case_sensitive ?? false) ? of(item) : folded(of(item)));
    const items = iterate(value);
    const keys = items.map(key);
    return new Once(items.filter((_, i) => keys.findIndex((other) => isEqual(other, keys[i]!)) === i));
  },
  upper: (value) => str(value).toUpperCase(),
  wordcount: (value) => BigInt(str(value).match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0),
};

/** A value through a filter. @throws TemplateError for one that is not supported */
export function filtered(name: string, value: Value, args: readonly Value[], kwargs: Kwargs): Value {
  const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (!filter) throw unsupported('filter', name);
  return filter(value, args, kwargs);
}
