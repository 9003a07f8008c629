import { TemplateError } from './errors.ts';

export type TokenKind = 'data' | 'begin' | 'end' | 'name' | 'string' | 'integer' | 'float' | 'operator';

/** `begin` and `end` are those of a block (`%`) or of an expression to print (`{`). */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** What Python takes for white space. */
export const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const BLANK = new RegExp(`^[${SPACES}]+$`);
const BLANK_END = new RegExp(`[${SPACES}]+$`);
const BLANK_HERE = new RegExp(`[${SPACES}]+`, 'y');
const RAW = new RegExp(`\\{%[-+]?[${SPACES}]*raw[${SPACES}]*(?:-%\\}[${SPACES}]*|%\\})`, 'y');
const RAW_END = new RegExp(`\\{%([-+]?)[${SPACES}]*endraw[${SPACES}]*(?:\\+%\\}|-%\\}[${SPACES}]*|%\\}\\n?)`, 'g');
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}[${SPACES}]*|#\\}\\n?`, 'g');
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}[${SPACES}]*|%\\}\\n?`, 'y');
const VARIABLE_END = new RegExp(`-\\}\\}[${SPACES}]*|\\}\\}`, 'y');
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const FLOAT = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const STRING = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;

const CLOSING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** Cuts a template into tokens. @throws TemplateError */
export function lex(template: string): Token[] {
  const source = template.replace(/\r\n|\r/g, '\n').replace(/\n$/, '');
  const tokens: Token[] = [];
  let at = 0;
  let startsLine = true;

  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0] ?? null;
    if (found !== null && found !== '') at += found.length;
    return found;
  };
  const search = (pattern: RegExp, what: string): RegExpExecArray => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (!found) throw new TemplateError(`${what} is not closed`);
    return found;
  };
  /** Text before a tag, without the white space that the tag takes. */
  const pushData = (text: string, sign: string, isBlock: boolean): void => {
    let kept = text;
    if (sign === '-') kept = text.replace(BLANK_END, '');
    else if (sign !== '+' && isBlock) {
      const line = text.lastIndexOf('\n') + 1;
      if ((line > 0 || startsLine) && BLANK.test(text.slice(line))) kept = text.slice(0, line);
    }
    if (kept !== '') tokens.push({ kind: 'data', text: kept });
  };
  const consumed = (): void => {
    startsLine = source[at - 1] === '\n';
  };

  while (at < source.length) {
    const rest = source.slice(at);
    const found = /\{[%{#]/.exec(rest);
    if (!found) {
      tokens.push({ kind: 'data', text: rest });
      break;
    }
    const text = rest.slice(0, found.index);
    at += found.index;
    const tag = found[0];
    const sign = /[-+]/.test(source[at + 2] ?? '') ? source[at + 2]! : '';
    pushData(text, sign, tag !== '{{');
    if (tag === '{%' && match(RAW) !== null) {
      consumed();
      const end = search(RAW_END, 'a raw block');
      pushData(source.slice(at, end.index), end[1]!, true);
      at = end.index + end[0].length;
      consumed();
      continue;
    }
    at += 2 + sign.length;
    startsLine = false;
    if (tag === '{#') {
      const end = search(COMMENT_END, 'a comment');
      at = end.index + end[0].length;
      consumed();
      continue;
    }
    tokens.push({ kind: 'begin', text: tag[1]! });
    lexInside(tag === '{%' ? BLOCK_END : VARIABLE_END, tag[1]!);
    consumed();
  }
  return tokens;

  function lexInside(end: RegExp, kind: string): void {
    const open: string[] = [];
    for (;;) {
      match(BLANK_HERE);
      if (at >= source.length) throw new TemplateError(`a {${kind} is not closed`);
      if (open.length === 0 && match(end) !== null) {
        tokens.push({ kind: 'end', text: kind });
        return;
      }
      const number = source[at - 1] === '.' ? null : match(FLOAT);
      if (number !== null) tokens.push({ kind: 'float', text: number.replaceAll('_', '') });
      else if (take(INTEGER, 'integer') || take(NAME, 'name') || take(STRING, 'string')) continue;
      else {
        const operator = match(OPERATOR);
        if (operator === null) throw new TemplateError(`unexpected "${source[at]}" in a tag`);
        if ('([{'.includes(operator)) open.push(operator);
        else if (operator in CLOSING && open.pop() !== CLOSING[operator])
          throw new TemplateError(`unexpected "${operator}"`);
        tokens.push({ kind: 'operator', text: operator });
      }
    }
  }

  function take(pattern: RegExp, kind: TokenKind): boolean {
    const text = match(pattern);
    if (text === null) return false;
    tokens.push({ kind, text });
    return true;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The text of a string token: Python's escapes. */
export function unquote(token: string): string {
  return token
    .slice(1, -1)
    .replace(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g, (all, ...groups) => {
      const [x, u, long, octal, single] = groups as (string | undefined)[];
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      if ('xuUN'.includes(single!)) throw new TemplateError(`a text has the broken escape "${all}"`);
      return ESCAPES[single!] ?? all;
    });
}
