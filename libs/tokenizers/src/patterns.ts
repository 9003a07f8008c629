import { isRecord, UserError } from '@sonde/base';

/** Places of a text, in UTF-16 units: [start, end) of each match. */
export type Matches = readonly (readonly [number, number])[];

/** Finds where a pattern of tokenizer.json is in a text, from left to right. */
export type Pattern = (text: string) => Matches;

/**
 * A pattern of tokenizer.json: a text, or an expression of Oniguruma in JavaScript's words.
 * @throws UserError if the expression has a construct that is not followed
 */
export function patternOf(pattern: unknown): Pattern {
  const { String: text, Regex: source } = isRecord(pattern) ? pattern : {};
  if (typeof text === 'string') return text === '' ? everywhere : textPattern(text);
  return matching(compile(String(source)));
}

/** Where an expression is: empty matches too, but for one at the end of the match before it. */
export function matching(expression: RegExp): Pattern {
  const { flags, source } = expression;
  const each = new RegExp(source, flags.includes('g') ? flags : `${flags}g`);
  return (text) => {
    const found: [number, number][] = [];
    let last = -1;
    each.lastIndex = 0;
    for (let match = each.exec(text); match; match = each.exec(text)) {
      const end = match.index + match[0].length;
      if (match[0] === '') each.lastIndex = end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
      if (match[0] === '' && (end === last || isInside(text, end))) continue;
      found.push([match.index, end]);
      last = end;
    }
    return found;
  };
}

/** Whether a place is between the two units of a character: an engine may find nothing there. */
function isInside(text: string, place: number): boolean {
  return place > 0 && (text.codePointAt(place - 1) ?? 0) > 0xffff;
}

function textPattern(wanted: string): Pattern {
  return (text) => {
    const found: [number, number][] = [];
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      found.push([at, at + wanted.length]);
    }
    return found;
  };
}

const everywhere = matching(/(?:)/u);

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}';
const IS_WORD = `[${WORD}]`;
/** Single letters after a backslash, outside a class. */
const ASSERTIONS: Readonly<Record<string, string>> = {
  A: '^',
  z: '$',
  Z: '(?=\\n?$)',
  b: `(?:(?<=${IS_WORD})(?!${IS_WORD})|(?<!${IS_WORD})(?=${IS_WORD}))`,
  B: `(?:(?<=${IS_WORD})(?=${IS_WORD})|(?<!${IS_WORD})(?!${IS_WORD}))`,
  N: '[^\\n]',
  O: '[\\s\\S]',
  R: '(?:\\r\\n|(?!\\r\\n)[\\n-\\r\\x85\\u2028\\u2029])',
};
const SETS: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  w: IS_WORD,
  W: `[^${WORD}]`,
  h: '[0-9a-fA-F]',
  H: '[^0-9a-fA-F]',
};
const CHARACTERS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };
const POSIX: Readonly<Record<string, string>> = {
  alnum: '\\p{Alphabetic}\\p{M}\\p{Nd}',
  alpha: '\\p{Alphabetic}',
  blank: '\\p{Zs}\\t',
  cntrl: '\\p{Cc}\\p{Cf}\\p{Cn}\\p{Co}\\p{Cs}',
  digit: '\\p{Nd}',
  lower: '\\p{Lowercase}',
  punct: '\\p{P}\\p{S}',
  space: '\\p{White_Space}',
  upper: '\\p{Uppercase}',
  word: WORD,
  xdigit: '0-9a-fA-F',
};
/** Letters that others fold to as two: in a row, without regard to case, they would match one more. */
const LIGATURES = /^(?:ss|st|ff|fi|fl|aʾ|ẖ|i̇|j̄|ʼn|t̄|ẗ|ẘ|ẙ)$/iu;

/** A range of a class that is written character by character. */
const LONGEST_RANGE = 1024;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

const compiled = new Map<string, RegExp>();

function compile(source: string): RegExp {
  const known = compiled.get(source);
  if (known) return known;
  const made = new RegExp(new Translation(source).whole(), 'gv');
  compiled.set(source, made);
  return made;
}

/** Reads an expression of Oniguruma and writes one of JavaScript (flag v) that matches the same. */
class Translation {
  readonly #source: string;
  readonly #points: readonly string[];
  #at = 0;
  #atomic = 0;

  constructor(source: string) {
    this.#source = source;
    this.#points = [...source];
  }

  whole(): string {
    const out = this.#alternatives({ ignoreCase: false, dotAll: false });
    if (this.#at < this.#points.length) this.#refuse(this.#peek());
    return out;
  }

  #peek(ahead = 0): string {
    return this.#points[this.#at + ahead] ?? '';
  }

  #next(): string {
    const point = this.#peek();
    if (point === '') this.#refuse('its end');
    this.#at++;
    return point;
  }

  #take(text: string): boolean {
    if (this.#points.slice(this.#at, this.#at + text.length).join('') !== text) return false;
    this.#at += text.length;
    return true;
  }

  #refuse(what: string): never {
    throw new UserError(
      'model',
      `The expression ${JSON.stringify(this.#source)} of tokenizer.json is not supported: ${what} at character ${this.#at}.`,
    );
  }

  #alternatives(flags: Flags): string {
    let out = '';
    let now = flags;
    let before = '';
    while (this.#at < this.#points.length && this.#peek() !== ')') {
      if (this.#take('|')) {
        out += '|';
        before = '';
        continue;
      }
      const options = this.#options(now);
      if (options) {
        // What follows, alternatives too, is inside.
        now = options;
        out += `(?:${this.#alternatives(now)})`;
        break;
      }
      if (now.ignoreCase && /\p{L}|\p{M}/u.test(this.#peek())) {
        if (LIGATURES.test(before + this.#peek()))
          this.#refuse(`letters that stand for one (${before}${this.#peek()})`);
        before = this.#peek();
      } else before = '';
      out += this.#quantified(this.#atom(now));
    }
    return out;
  }

  /** Options for what follows: `(?i)`, `(?m)`, `(?-i)`. */
  #options(flags: Flags): Flags | null {
    const rest = this.#points.slice(this.#at, this.#at + 12).join('');
    const found = /^\(\?([imx]*)(?:-([imx]*))?\)/.exec(rest);
    if (!found) return null;
    this.#at += found[0].length;
    return this.#changed(flags, found[1]!, found[2] ?? '');
  }

  #changed(flags: Flags, on: string, off: string): Flags {
    if (on.includes('x')) this.#refuse('the option x');
    return {
      ignoreCase: (flags.ignoreCase || on.includes('i')) && !off.includes('i'),
      dotAll: (flags.dotAll || on.includes('m')) && !off.includes('m'),
    };
  }

  #quantified(atom: string): string {
    let out = atom;
    for (;;) {
      const rest = this.#points.slice(this.#at, this.#at + 24).join('');
      const found = /^(?:[*+?]|\{\d*,?\d*\})/.exec(rest)?.[0];
      if (found === undefined || found === '{}' || found === '{,}') return out;
      this.#at += found.length;
      const times = found.startsWith('{,') ? `{0${found.slice(1)}` : found;
      if (times.startsWith('{')) {
        // Possessive and lazy marks are not what they are after *, + and ?.
        if (this.#peek() === '?' && !times.includes(',')) this.#refuse(`${found}?`);
        out = `(?:${out}${times}${this.#take('?') ? '?' : ''})`;
      } else if (this.#take('+')) out = this.#atomically(`${out}${times}`);
      else out = `(?:${out}${times}${this.#take('?') ? '?' : ''})`;
    }
  }

  /** What has matched is not given back. */
  #atomically(inner: string): string {
    const name = `a${this.#atomic++}`;
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`;
  }

  #atom(flags: Flags): string {
    const point = this.#next();
    switch (point) {
      case '(':
        return this.#group(flags);
      case '[':
        return this.#set(flags);
      case '.':
        return flags.dotAll ? '[\\s\\S]' : '[^\\n]';
      case '^':
        return '(?:^|(?<=\\n)(?=[\\s\\S]))';
      case '$':
        return '(?=\\n|$)';
      case '*':
      case '+':
      case '?':
        return this.#refuse(`${point} with nothing before it`);
      case '\\':
        return this.#escape(flags);
      default:
        return character(point, flags);
    }
  }

  #group(flags: Flags): string {
    if (!this.#take('?')) return this.#closed('(?:', flags);
    for (const opening of ['(?:', '(?=', '(?!', '(?<=', '(?<!']) {
      if (this.#take(opening.slice(2))) return this.#closed(opening, flags);
    }
    if (this.#take('>')) return this.#atomically(this.#closed('(?:', flags));
    const rest = this.#points.slice(this.#at, this.#at + 40).join('');
    const named = /^<[A-Za-z_]\w*>/.exec(rest)?.[0];
    if (named !== undefined) {
      this.#at += named.length;
      return this.#closed('(?:', flags);
    }
    const options = /^([imx]*)(?:-([imx]*))?:/.exec(rest);
    if (!options) return this.#refuse(`(?${this.#peek()}`);
    this.#at += options[0].length;
    return this.#closed('(?:', this.#changed(flags, options[1]!, options[2] ?? ''));
  }

  #closed(opening: string, flags: Flags): string {
    const inner = this.#alternatives(flags);
    if (!this.#take(')')) this.#refuse('a group without an end');
    return `${opening}${inner})`;
  }

  #escape(flags: Flags): string {
    const set = this.#escapedSet(flags);
    if (set !== null) return set;
    const assertion = ASSERTIONS[this.#peek()];
    if (assertion !== undefined) {
      const letter = this.#next();
      return letter === 'R' ? this.#atomically(assertion) : assertion;
    }
    return character(this.#escapedCharacter(), flags);
  }

  /** `\s`, `\p{…}` and such, in a class or outside one; null if it is none. */
  #escapedSet(flags: Flags): string | null {
    const letter = this.#peek();
    const set = SETS[letter];
    if (set !== undefined) {
      this.#at++;
      return set;
    }
    if (letter !== 'p' && letter !== 'P') return null;
    const found = /^[pP]\{(\^?)([^}]+)\}/.exec(this.#points.slice(this.#at, this.#at + 60).join(''));
    if (!found) return this.#refuse(`\\${letter}`);
    this.#at += found[0].length;
    const inner = property(found[2]!) ?? this.#refuse(found[0]);
    if (flags.ignoreCase && /^\\p\{(?:L[ultm]|Lowercase|Uppercase)/.test(inner))
      this.#refuse(`${found[0]} without case`);
    return (letter === 'P') !== (found[1] === '^') ? `[^${inner}]` : `[${inner}]`;
  }

  #escapedCharacter(): string {
    const letter = this.#next();
    if (!/[A-Za-z0-9]/.test(letter)) return letter;
    const known = CHARACTERS[letter];
    if (known !== undefined) return String.fromCodePoint(known);
    const rest = this.#points.slice(this.#at, this.#at + 12).join('');
    const digits =
      letter === 'x'
        ? /^(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{1,2}))/.exec(rest)
        : letter === 'u'
          ? /^()([0-9A-Fa-f]{4})/.exec(rest)
          : letter === '0'
            ? /^()([0-7]{0,2})/.exec(rest)
            : null;
    if (!digits) return this.#refuse(`\\${letter}`);
    this.#at += digits[0].length;
    const value = Number.parseInt(digits[1] || digits[2] || '0', letter === '0' ? 8 : 16);
    return value > 0x10ffff ? this.#refuse(`\\${letter}`) : String.fromCodePoint(value);
  }

  /** A class, after its `[`. */
  #set(flags: Flags): string {
    const negated = this.#take('^');
    const parts: string[] = [];
    let union = '';
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#take('&&')) {
        parts.push(union);
        union = '';
      } else union += this.#member(flags, first);
    }
    this.#at++;
    parts.push(union);
    const inner = parts.length === 1 ? union : parts.map((part) => `[${part}]`).join('&&');
    return `[${negated ? '^' : ''}${inner}]`;
  }

  #member(flags: Flags, first: boolean): string {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.#points.slice(this.#at, this.#at + 14).join(''));
    if (posix) {
      const inner = POSIX[posix[2]!] ?? this.#refuse(posix[0]);
      this.#at += posix[0].length;
      return `[${posix[1]}${inner}]`;
    }
    if (this.#peek() === ']' && first) return this.#refuse('an empty class');
    if (this.#take('[')) return this.#set(flags);
    const from = this.#item(flags);
    if ('set' in from) return from.set;
    if (this.#peek() !== '-' || this.#peek(1) === ']') return units([from.point], flags);
    this.#at++;
    if (this.#peek() === '[') this.#refuse('a range');
    const to = this.#item(flags);
    const low = from.point.codePointAt(0)!;
    const high = 'set' in to ? -1 : to.point.codePointAt(0)!;
    if (high < low) this.#refuse('a range');
    if (!flags.ignoreCase) return `\\u{${low.toString(16)}}-\\u{${high.toString(16)}}`;
    if (high - low > LONGEST_RANGE) this.#refuse('a long range without case');
    const all = Array.from({ length: high - low + 1 }, (_, i) => String.fromCodePoint(low + i));
    return units(all, flags);
  }

  /** A character of a class, or a set in JavaScript's words. */
  #item(flags: Flags): { readonly point: string } | { readonly set: string } {
    const point = this.#next();
    if (point !== '\\') return { point };
    const set = this.#escapedSet(flags);
    if (set !== null) return { set };
    return { point: this.#take('b') ? '\b' : this.#escapedCharacter() };
  }
}

function unit(point: string): string {
  return `\\u{${point.codePointAt(0)!.toString(16)}}`;
}

/** Characters as they stand in a class: in any case where that does not matter. */
function units(points: readonly string[], { ignoreCase }: Flags): string {
  return points.flatMap((point) => (ignoreCase ? variants(point) : [point]).map(unit)).join('');
}

function character(point: string, flags: Flags): string {
  return flags.ignoreCase ? `[${units([point], flags)}]` : unit(point);
}

let byFold: Map<string, string[]> | undefined;

function fold(point: string): string {
  const upper = point.toUpperCase();
  const lower = ([...upper].length === 1 ? upper : point).toLowerCase();
  return [...lower].length === 1 ? lower : point;
}

/** A character in upper and lower case, and others that are the same without case: ſ for s. */
function variants(point: string): readonly string[] {
  if (!byFold) {
    byFold = new Map();
    for (let code = 0; code < 0x1e944; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const each = String.fromCodePoint(code);
      const key = fold(each);
      const has = byFold.get(key);
      if (has) has.push(each);
      else if (key !== each || each.toUpperCase() !== each) byFold.set(key, [each]);
    }
  }
  const all = byFold.get(fold(point)) ?? [];
  return all.includes(point) ? all : [point, ...all];
}

/** A property as JavaScript names it: a general category, a script, or another; null if there is none such. */
function property(name: string): string | null {
  const plain = name.replace(/[\s_-]/g, '');
  const posix = POSIX[plain.toLowerCase()];
  if (posix !== undefined) return posix;
  if (/^any$/i.test(plain)) return '\\p{Any}';
  const title = name.replace(/(^|[\s_-]+)(\w)(\w*)/g, (_, gap: string, first: string, rest: string) => {
    return `${gap === '' ? '' : '_'}${first.toUpperCase()}${rest.toLowerCase()}`;
  });
  const short = plain.length <= 2 ? plain.charAt(0).toUpperCase() + plain.slice(1).toLowerCase() : null;
  for (const each of [short, name, title].filter((one) => one !== null)) {
    for (const written of [`\\p{${each}}`, `\\p{Script=${each}}`]) {
      try {
        new RegExp(written, 'v');
        return written;
      } catch {
        // Not a name of this kind.
      }
    }
  }
  return null;
}
