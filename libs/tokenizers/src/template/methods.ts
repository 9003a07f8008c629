import { bind, type Kwargs } from './arguments.ts';
import { TemplateError, unsupported } from './errors.ts';
import { braces } from './format.ts';
import { SPACES } from './lex.ts';
import {
  Callable,
  Dict,
  integerOf,
  isEqual,
  isList,
  iterate,
  sliced,
  Tuple,
  typeName,
  type Value,
  View,
} from './values.ts';

type Method<Self> = (self: Self, args: readonly Value[], kwargs: Kwargs) => Value;

const BLANK = new RegExp(`[${SPACES}]`);
const LINE_ENDS = '\\n-\\r\\x1c-\\x1e\\x85\\u2028\\u2029';
const LINE_END = new RegExp(`\\r\\n|[${LINE_ENDS}]`);
const BLANKS = new RegExp(`[${SPACES}]+`);

/** A text that a method is given. */
export function textOf(value: Value | undefined, what: string): string {
  if (typeof value === 'string') return value;
  throw new TemplateError(`${what} is a ${value === undefined ? 'nothing' : typeName(value)}; expected a text`);
}

/** Cuts characters off the ends of a text: white space, or those given. */
export function strip(text: string, characters: Value | undefined, side: 'both' | 'left' | 'right'): string {
  const set = characters === undefined || characters === null ? null : [...textOf(characters, 'what strip takes')];
  const isCut = (character: string): boolean => (set ? set.includes(character) : BLANK.test(character));
  const points = [...text];
  let [start, end] = [0, points.length];
  if (side !== 'right') while (start < end && isCut(points[start]!)) start++;
  if (side !== 'left') while (end > start && isCut(points[end - 1]!)) end--;
  return points.slice(start, end).join('');
}

function split(text: string, args: readonly Value[], kwargs: Kwargs, fromRight: boolean): Value[] {
  const { sep = null, maxsplit = -1n } = bind('split', ['sep', 'maxsplit'], args, kwargs);
  const most = integerOf(maxsplit, 'maxsplit');
  if (sep === null) return splitBlanks(text, most, fromRight);
  const by = textOf(sep, 'what split takes');
  if (by === '') throw new TemplateError('empty separator');
  const parts = text.split(by);
  if (most < 0 || parts.length <= most + 1) return parts;
  return fromRight
    ? [parts.slice(0, parts.length - most).join(by), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(by)];
}

function splitBlanks(text: string, most: number, fromRight: boolean): string[] {
  const parts: string[] = [];
  let rest = strip(text, undefined, fromRight ? 'right' : 'left');
  while (rest !== '') {
    if (most >= 0 && parts.length === most) {
      parts.push(strip(rest, undefined, fromRight ? 'left' : 'both') === '' ? '' : rest);
      break;
    }
    const points = rest.split(BLANKS);
    const part = fromRight ? points.at(-1)! : points[0]!;
    parts.push(part);
    rest = fromRight
      ? strip(rest.slice(0, rest.length - part.length), undefined, 'right')
      : strip(rest.slice(part.length), undefined, 'left');
  }
  const kept = parts.filter((part) => part !== '');
  return fromRight ? kept.reverse() : kept;
}

/** `start` and `end` of a search, as a part of the text and the number of code points before it. */
function part(text: string, start: Value | undefined, end: Value | undefined): readonly [string, number] {
  const points = [...text];
  const places = sliced(points.length, [start ?? null, end ?? null, null]);
  return [places.map((place) => points[place]).join(''), places[0] ?? points.length];
}

function find(text: string, args: readonly Value[], kwargs: Kwargs, fromRight: boolean): bigint {
  const { sub, start, end } = bind('find', ['sub', 'start', 'end'], args, kwargs);
  const [within, before] = part(text, start, end);
  const needle = textOf(sub, 'what is looked for');
  const at = fromRight ? within.lastIndexOf(needle) : within.indexOf(needle);
  return at < 0 ? -1n : BigInt(before + [...within.slice(0, at)].length);
}

function hasEnd(text: string, args: readonly Value[], kwargs: Kwargs, end: 'startsWith' | 'endsWith'): boolean {
  const { affix, start, stop } = bind(end.toLowerCase(), ['affix', 'start', 'stop'], args, kwargs);
  const [within] = part(text, start, stop);
  const affixes = affix instanceof Tuple ? affix.items : [affix];
  return affixes.some((each) => within[end](textOf(each, 'what a text starts or ends with')));
}

export function replace(text: string, from: string, to: string, count: number): string {
  if (count < 0) return from === '' ? [...text].map((c) => to + c).join('') + to : text.replaceAll(from, to);
  const parts = from === '' ? ['', ...text] : text.split(from);
  const last = from === '' && count > [...text].length ? to : '';
  const most = Math.min(count, parts.length - 1);
  return (
    parts.slice(0, most + 1).join(to) +
    parts
      .slice(most + 1)
      .map((each) => from + each)
      .join('') +
    last
  );
}

/** Python's `title`: a capital behind everything that is no letter. */
function title(text: string): string {
  return text.replace(/[\p{Lu}\p{Ll}\p{Lt}]+/gu, (word) => {
    const [first = '', ...rest] = [...word];
    return first.toUpperCase() + rest.join('').toLowerCase();
  });
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = [...text];
  return first.toUpperCase() + rest.join('').toLowerCase();
}

function every(pattern: RegExp): Method<string> {
  return (text) => text !== '' && pattern.test(text);
}

function pad(side: 'left' | 'right'): Method<string> {
  return (text, args, kwargs) => {
    const { width = 0n, fill = ' ' } = bind('a method that fills up', ['width', 'fill'], args, kwargs);
    const missing = Math.max(0, integerOf(width, 'a width') - [...text].length);
    const filling = textOf(fill, 'what fills up').repeat(missing);
    return side === 'left' ? text + filling : filling + text;
  };
}

const TEXT: Readonly<Record<string, Method<string>>> = {
  capitalize: (text) => capitalize(text),
  count: (text, args) => BigInt(text.split(textOf(args[0], 'what is counted')).length - 1),
  endswith: (text, args, kwargs) => hasEnd(text, args, kwargs, 'endsWith'),
  find: (text, args, kwargs) => find(text, args, kwargs, false),
  format: (text, args, kwargs) => braces(text, args, kwargs),
  index(text, args, kwargs) {
    const at = find(text, args, kwargs, false);
    if (at < 0n) throw new TemplateError('substring not found');
    return at;
  },
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isalpha: every(/^\p{L}+$/u),
  isdigit: every(/^[\p{Nd}²³¹⁰-⁹₀-₉]+$/u),
  islower: (text) => text === text.toLowerCase() && text !== text.toUpperCase(),
  isspace: every(new RegExp(`^[${SPACES}]+$`)),
  isupper: (text) => text === text.toUpperCase() && text !== text.toLowerCase(),
  join: (text, args) =>
    iterate(args[0] ?? null)
      .map((item) => textOf(item, 'what is joined'))
      .join(text),
  ljust: pad('left'),
  lower: (text) => text.toLowerCase(),
  lstrip: (text, args) => strip(text, args[0], 'left'),
  partition(text, args) {
    const by = textOf(args[0], 'what partition takes');
    const at = text.indexOf(by);
    return new Tuple(at < 0 ? [text, '', ''] : [text.slice(0, at), by, text.slice(at + by.length)]);
  },
  removeprefix(text, args) {
    const prefix = textOf(args[0], 'a prefix');
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  },
  removesuffix(text, args) {
    const suffix = textOf(args[0], 'a suffix');
    return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  },
  replace(text, args, kwargs) {
    const { old, new: to, count = -1n } = bind('replace', ['old', 'new', 'count'], args, kwargs);
    return replace(text, textOf(old, 'what is replaced'), textOf(to, 'what replaces'), integerOf(count, 'count'));
  },
  rfind: (text, args, kwargs) => find(text, args, kwargs, true),
  rjust: pad('right'),
  rpartition(text, args) {
    const by = textOf(args[0], 'what rpartition takes');
    const at = text.lastIndexOf(by);
    return new Tuple(at < 0 ? ['', '', text] : [text.slice(0, at), by, text.slice(at + by.length)]);
  },
  rsplit: (text, args, kwargs) => split(text, args, kwargs, true),
  rstrip: (text, args) => strip(text, args[0], 'right'),
  split: (text, args, kwargs) => split(text, args, kwargs, false),
  splitlines(text, args) {
    if (args.length > 0) throw unsupported('argument of', 'splitlines');
    const lines = text.split(LINE_END);
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  },
  startswith: (text, args, kwargs) => hasEnd(text, args, kwargs, 'startsWith'),
  strip: (text, args) => strip(text, args[0], 'both'),
  title: (text) => title(text),
  upper: (text) => text.toUpperCase(),
  zfill(text, args) {
    const missing = Math.max(0, integerOf(args[0] ?? null, 'a width') - [...text].length);
    const [, sign = '', rest = ''] = /^([+-]?)([\s\S]*)$/.exec(text) ?? [];
    return sign + '0'.repeat(missing) + rest;
  },
};

const OTHER_TEXT =
  'casefold center encode expandtabs format format_map isascii isdecimal isidentifier isnumeric isprintable istitle maketrans rindex swapcase translate';

const DICT: Readonly<Record<string, Method<Dict>>> = {
  get(dict, args, kwargs) {
    const { key, default: otherwise = null } = bind('get', ['key', 'default'], args, kwargs);
    return dict.get(key ?? null) ?? otherwise;
  },
  items: (dict) => new View('dict_items', dict.pairs),
  keys: (dict) => new View('dict_keys', dict.keys),
  values: (dict) => new View('dict_values', dict.values),
};

const LIST: Readonly<Record<string, Method<readonly Value[]>>> = {
  count: (list, args) => BigInt(list.filter((item) => isEqual(item, args[0] ?? null)).length),
  index(list, args) {
    if (args.length !== 1) throw unsupported('argument of', 'index');
    const at = list.findIndex((item) => isEqual(item, args[0]!));
    if (at < 0) throw new TemplateError('the value is not in the list');
    return BigInt(at);
  },
};

/** Methods that change what they are of: a template may not call them. */
const CHANGING = 'append clear extend insert pop popitem remove reverse setdefault sort update copy fromkeys';

/** A method of a value; null where it has none of the name. @throws TemplateError for one that is not supported */
export function methodOf(value: Value, name: string): Callable | null {
  if (/^_/.test(name)) throw unsupported('attribute', name);
  if (typeof value === 'string') return bound('a text', value, TEXT, OTHER_TEXT, name);
  if (value instanceof Dict) return bound('a dictionary', value, DICT, CHANGING, name);
  if (isList(value)) return bound('a list', value, LIST, CHANGING, name);
  if (value instanceof Tuple) return bound('a tuple', value.items, LIST, '', name);
  return null;
}

function bound<Self>(
  what: string,
  self: Self,
  methods: Readonly<Record<string, Method<Self>>>,
  others: string,
  name: string,
): Callable | null {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method) return new Callable(name, (args, kwargs) => method(self, args, kwargs));
  if (others.split(' ').includes(name)) throw unsupported(`method of ${what}`, name);
  return null;
}
