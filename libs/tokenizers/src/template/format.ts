import type { Kwargs } from './arguments.ts';
import { TemplateError, unsupported } from './errors.ts';
import { Dict, numberOf, repr, str, Tuple, typeName, Undefined, type Value } from './values.ts';

/** How a value is written into a text. */
interface Spec {
  /** The spec as it stands, for messages. */
  readonly text: string;
  /** `s`, `r`, `d` or `f`. */
  readonly kind: string;
  readonly align: 'left' | 'right' | 'centre';
  readonly zeros: boolean;
  /** What stands before a number that is not negative. */
  readonly sign: '' | '+' | ' ';
  readonly commas: boolean;
  readonly width: number;
  readonly precision: number | undefined;
}

const WIDEST = 1000;

const PERCENT = /%(?:\((\w+)\))?([-0+ ]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g;

/** Python's `text % values`, with what people write: %s, %r, %d, %i, %f and their widths. */
export function percent(text: string, values: Value): string {
  const args = values instanceof Tuple ? values.items : [values];
  let used = 0;
  let named = false;
  const take = (name: string | undefined): Value => {
    if (name === undefined) {
      const value = args[used++];
      if (value === undefined) throw new TemplateError('not enough arguments for format string');
      return value;
    }
    named = true;
    const value = values instanceof Dict ? values.get(name) : undefined;
    if (value === undefined) throw new TemplateError(`a format names "${name}", which is not given`);
    return value;
  };
  if (text.replace(PERCENT, '').includes('%')) throw new TemplateError(`"${text}" is no format`);
  const made = text.replace(
    PERCENT,
    (all, name: string | undefined, flags: string, width, precision, letter: string) => {
      if (letter === '%') return '%';
      const kind = letter === 'i' ? 'd' : letter;
      if (!'srdf'.includes(kind)) throw unsupported('format', all);
      return formatted(take(name), {
        text: all,
        kind,
        align: flags.includes('-') ? 'left' : 'right',
        zeros: flags.includes('0') && !flags.includes('-') && 'df'.includes(kind),
        sign: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '',
        commas: false,
        width: Number(width ?? 0),
        precision: precision === undefined ? undefined : Number(precision),
      });
    },
  );
  if (used < args.length && !(named || values instanceof Dict)) {
    throw new TemplateError('not all arguments converted during string formatting');
  }
  return made;
}

const BRACES = /\{\{|\}\}|\{(\w*)(?:!([a-z]))?(?::([^{}]*))?\}/g;
const BRACE_SPEC = /^([<>^])?([+ ])?(0)?(\d+)?(,)?(?:\.(\d+))?([sdf])?$/;

/** Python's `text.format(…)`, with what people write: places, names, `!r`, alignment, width and digits. */
export function braces(text: string, args: readonly Value[], kwargs: Kwargs): string {
  let next = 0;
  if (/[{}]/.test(text.replace(BRACES, ''))) throw unsupported('format', text);
  return text.replace(BRACES, (all, name: string | undefined, conversion?: string, given = '') => {
    if (name === undefined) return all[0]!;
    const value = name === '' ? args[next++] : /^\d+$/.test(name) ? args[Number(name)] : kwargs.get(name);
    if (value === undefined) throw new TemplateError(`a format asks for "${name}", which is not given`);
    const spec = BRACE_SPEC.exec(given);
    if (spec === null || (conversion ?? 'r') > 's' || !'rs'.includes(conversion ?? 's'))
      throw unsupported('format', all);
    const [, align, sign, zero, width, comma, precision, letter] = spec;
    const isNumber = numberOf(value) !== null && typeof value !== 'boolean' && conversion === undefined;
    const kind = conversion ?? letter ?? (isNumber && given !== '' ? (typeof value === 'bigint' ? 'd' : 'f') : 's');
    // A float without a letter is written as short as it can be, which no width or digits are given with here.
    if (letter === undefined && kind === 'f' && precision !== undefined) throw unsupported('format', all);
    if (letter === 's' && isNumber) throw new TemplateError(`a number cannot be written by "${all}"`);
    const written = letter === undefined && kind === 'f' ? 's' : kind;
    return formatted(value, {
      text: all,
      kind: written,
      align: align === '^' ? 'centre' : align === '<' || (align === undefined && !isNumber) ? 'left' : 'right',
      zeros: zero !== undefined && align === undefined,
      sign: sign === '+' ? '+' : sign === ' ' ? ' ' : '',
      commas: comma !== undefined,
      width: Number(width ?? 0),
      precision: precision === undefined ? undefined : Number(precision),
    });
  });
}

function formatted(value: Value, spec: Spec): string {
  const { text, kind, width, precision } = spec;
  if (width > WIDEST || (precision ?? 0) > 60) throw unsupported('format', text);
  const written =
    kind === 'd' || kind === 'f' ? numeral(value, spec) : shortened(kind === 'r' ? repr(value) : str(value), precision);
  const missing = width - [...written].length;
  if (missing <= 0) return written;
  if (spec.zeros) {
    const sign = /^[-+ ]/.exec(written)?.[0] ?? '';
    return sign + '0'.repeat(missing) + written.slice(sign.length);
  }
  if (spec.align === 'centre') {
    const before = Math.floor(missing / 2);
    return ' '.repeat(before) + written + ' '.repeat(missing - before);
  }
  return spec.align === 'left' ? written + ' '.repeat(missing) : ' '.repeat(missing) + written;
}

function shortened(text: string, length: number | undefined): string {
  return length === undefined ? text : [...text].slice(0, length).join('');
}

function numeral(value: Value, { text, kind, sign, commas, precision }: Spec): string {
  const number = numberOf(value);
  if (value instanceof Undefined || number === null) {
    throw new TemplateError(`"${text}" is given a ${typeName(value)}; a number was expected`);
  }
  if (typeof number === 'number' && !(Math.abs(number) < 1e15)) throw unsupported('format', `${text} of ${number}`);
  const isNegative = number < 0 || Object.is(number, -0);
  const size = typeof number === 'bigint' ? (isNegative ? -number : number) : Math.abs(number);
  const digits =
    kind === 'd' ? String(typeof size === 'bigint' ? size : Math.trunc(size)) : fixed(Number(size), precision ?? 6);
  const [whole = '', fraction] = digits.split('.');
  const grouped = commas ? whole.replace(/\B(?=(\d{3})+$)/g, ',') : whole;
  const before = isNegative && (kind === 'f' || number < 0) ? '-' : sign;
  return before + grouped + (fraction === undefined ? '' : `.${fraction}`);
}

/** So many digits behind the point; half goes to the even digit, as in Python. */
function fixed(size: number, places: number): string {
  const exact = size.toFixed(Math.min(100, places + 60));
  const point = exact.indexOf('.');
  const cut = exact.slice(0, point + 1 + places);
  const isHalf = /^50*$/.test(exact.slice(point + 1 + places));
  const last = Number(cut.replace('.', '').at(-1));
  return isHalf && last % 2 === 0 ? cut.replace(/\.$/, '') : size.toFixed(places);
}
