import { TemplateError, unsupported } from './errors.ts';
import { lex, type Token, type TokenKind, unquote } from './lex.ts';

export interface Arguments {
  readonly args: readonly Expression[];
  readonly kwargs: readonly (readonly [string, Expression])[];
  readonly spread: Expression | null;
  readonly kwspread: Expression | null;
}

export type Expression =
  | { readonly kind: 'constant'; readonly value: string | number | bigint | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly items: readonly (readonly [Expression, Expression])[] }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly first: Expression;
      readonly otherwise: Expression | null;
    }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly operand: Expression }
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      readonly rest: readonly (readonly [string, Expression])[];
    }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concat'; readonly items: readonly Expression[] }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly object: Expression; readonly key: Expression }
  | {
      readonly kind: 'slice';
      readonly object: Expression;
      readonly bounds: readonly [Expression | null, Expression | null, Expression | null];
    }
  | { readonly kind: 'call'; readonly callee: Expression; readonly given: Arguments }
  | { readonly kind: 'filter'; readonly name: string; readonly operand: Expression; readonly given: Arguments }
  | { readonly kind: 'test'; readonly name: string; readonly operand: Expression; readonly given: Arguments };

export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'tuple'; readonly items: readonly Target[] }
  | { readonly kind: 'member'; readonly object: string; readonly name: string };

export interface Signature {
  readonly names: readonly string[];
  /** Of the last ones. */
  readonly defaults: readonly Expression[];
}

export type Statement =
  | { readonly kind: 'data'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly iterable: Expression;
      readonly test: Expression | null;
      readonly body: Body;
      readonly otherwise: Body;
    }
  | { readonly kind: 'branch'; readonly test: Expression; readonly body: Body; readonly otherwise: Body }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | { readonly kind: 'capture'; readonly target: Target; readonly filters: Filters; readonly body: Body }
  | { readonly kind: 'macro'; readonly name: string; readonly signature: Signature; readonly body: Body }
  | { readonly kind: 'callblock'; readonly call: Expression; readonly signature: Signature; readonly body: Body }
  | { readonly kind: 'filterblock'; readonly filters: Filters; readonly body: Body }
  | { readonly kind: 'with'; readonly values: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly kind: 'break' | 'continue' };

export type Body = readonly Statement[];
/** One after the other. */
export type Filters = readonly { readonly name: string; readonly given: Arguments }[];

const NOTHING: Arguments = { args: [], kwargs: [], spread: null, kwspread: null };
const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];
const END: Token = { kind: 'end', text: '' };

/** Reads a template. @throws TemplateError where it is not one, or has a tag that is not supported */
export function parse(template: string): Body {
  return new Parser(lex(template)).template();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  template(): Body {
    const body = this.body([]);
    if (this.#at < this.#tokens.length) throw this.unexpected();
    return body;
  }

  get current(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  next(): Token {
    const token = this.current;
    this.#at++;
    return token;
  }

  is(kind: TokenKind, ...texts: readonly string[]): boolean {
    return this.current.kind === kind && (texts.length === 0 || texts.includes(this.current.text));
  }

  skip(kind: TokenKind, text: string): boolean {
    if (!this.is(kind, text)) return false;
    this.#at++;
    return true;
  }

  expect(kind: TokenKind, text?: string): Token {
    if (!this.is(kind, ...(text === undefined ? [] : [text]))) throw this.unexpected(text ?? kind);
    return this.next();
  }

  unexpected(expected?: string): TemplateError {
    const { text, kind } = this.current;
    const found =
      this.#at >= this.#tokens.length ? 'the template ends' : `"${text === '' ? kind : text}" is unexpected`;
    return new TemplateError(expected === undefined ? found : `${found} where ${expected} should be`);
  }

  /** Statements up to a tag of one of these names, which is not read; to the end where there are none. */
  body(ends: readonly string[]): Body {
    const statements: Statement[] = [];
    for (;;) {
      if (this.#at >= this.#tokens.length) {
        if (ends.length === 0) return statements;
        throw this.unexpected(ends.join(' or '));
      }
      const token = this.next();
      if (token.kind === 'data') statements.push({ kind: 'data', text: token.text });
      else if (token.text === '{') {
        statements.push({ kind: 'print', value: this.tuple() });
        this.expect('end', '{');
      } else {
        if (this.is('name', ...ends) && ends.length > 0) return statements;
        statements.push(this.statement());
      }
    }
  }

  /** The body of a tag, behind its head, with the tag that ends it. */
  block(end: string): Body {
    this.expect('end', '%');
    const body = this.body([end]);
    this.next();
    this.expect('end', '%');
    return body;
  }

  statement(): Statement {
    const tag = this.expect('name').text;
    switch (tag) {
      case 'for':
        return this.for();
      case 'if':
        return this.branch();
      case 'set':
        return this.set();
      case 'macro': {
        const name = this.expect('name').text;
        const signature = this.signature();
        return { kind: 'macro', name, signature, body: this.block('endmacro') };
      }
      case 'call': {
        const signature = this.is('operator', '(') ? this.signature() : { names: [], defaults: [] };
        const call = this.expression();
        if (call.kind !== 'call') throw new TemplateError('a call block needs a call');
        return { kind: 'callblock', call, signature, body: this.block('endcall') };
      }
      case 'filter': {
        const filters = this.filters(true);
        return { kind: 'filterblock', filters, body: this.block('endfilter') };
      }
      case 'with':
        return this.with();
      // transformers' own: what the assistant says, which is text like other text.
      case 'generation':
        return { kind: 'with', values: [], body: this.block('endgeneration') };
      case 'break':
      case 'continue':
        this.expect('end', '%');
        return { kind: tag };
      default:
        throw unsupported('tag', tag);
    }
  }

  for(): Statement {
    const target = this.target(['in'], false);
    this.expect('name', 'in');
    const iterable = this.tuple({ conditional: false, ends: ['recursive'] });
    const test = this.skip('name', 'if') ? this.expression() : null;
    if (this.is('name', 'recursive')) throw unsupported('loop', 'recursive');
    this.expect('end', '%');
    const body = this.body(['endfor', 'else']);
    let otherwise: Body = [];
    if (this.next().text === 'else') otherwise = this.block('endfor');
    else this.expect('end', '%');
    return { kind: 'for', target, iterable, test, body, otherwise };
  }

  branch(): Statement {
    const test = this.tuple({ conditional: false });
    this.expect('end', '%');
    const body = this.body(['elif', 'else', 'endif']);
    const tag = this.next().text;
    if (tag === 'elif') return { kind: 'branch', test, body, otherwise: [this.branch()] };
    if (tag === 'else') return { kind: 'branch', test, body, otherwise: this.block('endif') };
    this.expect('end', '%');
    return { kind: 'branch', test, body, otherwise: [] };
  }

  set(): Statement {
    const target = this.target([], true);
    if (this.skip('operator', '=')) {
      const value = this.tuple();
      this.expect('end', '%');
      return { kind: 'set', target, value };
    }
    const filters = this.filters(false);
    return { kind: 'capture', target, filters, body: this.block('endset') };
  }

  with(): Statement {
    const values: [Target, Expression][] = [];
    while (!this.is('end')) {
      if (values.length > 0) this.expect('operator', ',');
      const target = this.target([], false);
      this.expect('operator', '=');
      values.push([target, this.expression()]);
    }
    return { kind: 'with', values, body: this.block('endwith') };
  }

  signature(): Signature {
    const names: string[] = [];
    const defaults: Expression[] = [];
    this.expect('operator', '(');
    while (!this.is('operator', ')')) {
      if (names.length > 0) this.expect('operator', ',');
      names.push(this.expect('name').text);
      if (this.skip('operator', '=')) defaults.push(this.expression());
      else if (defaults.length > 0) throw new TemplateError('an argument without a default follows one with a default');
    }
    this.next();
    return { names, defaults };
  }

  target(ends: readonly string[], withMembers: boolean): Target {
    if (withMembers && this.is('name') && this.#tokens[this.#at + 1]?.text === '.') {
      const object = this.next().text;
      this.next();
      return { kind: 'member', object, name: this.expect('name').text };
    }
    return asTarget(this.tuple({ primary: true, ends }));
  }

  tuple({
    primary = false,
    conditional = true,
    ends = [] as readonly string[],
    inParentheses = false,
  } = {}): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.expect('operator', ',');
      if (this.is('end') || this.is('operator', ')') || (ends.length > 0 && this.is('name', ...ends))) break;
      items.push(primary ? this.primary() : this.expression(conditional));
      if (!this.is('operator', ',')) break;
      isTuple = true;
    }
    if (isTuple || (items.length === 0 && inParentheses)) return { kind: 'tuple', items };
    if (items.length === 0) throw this.unexpected('an expression');
    return items[0]!;
  }

  expression(conditional = true): Expression {
    let expression = this.or();
    while (conditional && this.skip('name', 'if')) {
      const test = this.or();
      const otherwise = this.skip('name', 'else') ? this.expression() : null;
      expression = { kind: 'if', test, first: expression, otherwise };
    }
    return expression;
  }

  or(): Expression {
    let left = this.and();
    while (this.skip('name', 'or')) left = { kind: 'or', left, right: this.and() };
    return left;
  }

  and(): Expression {
    let left = this.not();
    while (this.skip('name', 'and')) left = { kind: 'and', left, right: this.not() };
    return left;
  }

  not(): Expression {
    return this.skip('name', 'not') ? { kind: 'not', operand: this.not() } : this.compare();
  }

  compare(): Expression {
    const first = this.sum();
    const rest: [string, Expression][] = [];
    for (;;) {
      if (this.is('operator', ...COMPARISONS)) rest.push([this.next().text, this.sum()]);
      else if (this.skip('name', 'in')) rest.push(['in', this.sum()]);
      else if (this.is('name', 'not') && this.#tokens[this.#at + 1]?.text === 'in') {
        this.#at += 2;
        rest.push(['not in', this.sum()]);
      } else return rest.length === 0 ? first : { kind: 'compare', first, rest };
    }
  }

  sum(): Expression {
    let left = this.concat();
    while (this.is('operator', '+', '-')) {
      left = { kind: 'binary', operator: this.next().text, left, right: this.concat() };
    }
    return left;
  }

  concat(): Expression {
    const items = [this.product()];
    while (this.skip('operator', '~')) items.push(this.product());
    return items.length === 1 ? items[0]! : { kind: 'concat', items };
  }

  product(): Expression {
    let left = this.power();
    while (this.is('operator', '*', '/', '//', '%')) {
      left = { kind: 'binary', operator: this.next().text, left, right: this.power() };
    }
    return left;
  }

  power(): Expression {
    let left = this.unary(true);
    while (this.is('operator', '**')) {
      left = { kind: 'binary', operator: this.next().text, left, right: this.unary(true) };
    }
    return left;
  }

  unary(withFilters: boolean): Expression {
    let node: Expression;
    if (this.skip('operator', '-')) node = { kind: 'negative', operand: this.unary(false) };
    else if (this.skip('operator', '+')) node = { kind: 'positive', operand: this.unary(false) };
    else node = this.primary();
    node = this.postfix(node);
    return withFilters ? this.filtered(node) : node;
  }

  primary(): Expression {
    const { kind, text } = this.next();
    if (kind === 'name') {
      const value = CONSTANTS.get(text);
      return value === undefined ? { kind: 'name', name: text } : { kind: 'constant', value };
    }
    if (kind === 'string') {
      let value = unquote(text);
      while (this.is('string')) value += unquote(this.next().text);
      return { kind: 'constant', value };
    }
    if (kind === 'integer') return { kind: 'constant', value: BigInt(text.replaceAll('_', '')) };
    if (kind === 'float') return { kind: 'constant', value: Number(text) };
    if (kind === 'operator' && text === '(') {
      const inner = this.tuple({ inParentheses: true });
      this.expect('operator', ')');
      return inner;
    }
    if (kind === 'operator' && text === '[') return { kind: 'list', items: this.listed(']', () => this.expression()) };
    if (kind === 'operator' && text === '{') {
      const pair = (): readonly [Expression, Expression] => {
        const key = this.expression();
        this.expect('operator', ':');
        return [key, this.expression()];
      };
      return { kind: 'dict', items: this.listed('}', pair) };
    }
    this.#at--;
    throw this.unexpected();
  }

  /** Items with commas between them, up to what closes them. */
  listed<Item>(close: string, item: () => Item): Item[] {
    const items: Item[] = [];
    while (!this.is('operator', close)) {
      if (items.length > 0) this.expect('operator', ',');
      if (this.is('operator', close)) break;
      items.push(item());
    }
    this.next();
    return items;
  }

  postfix(node: Expression): Expression {
    let result = node;
    for (;;) {
      if (this.is('operator', '.', '[')) result = this.subscript(result);
      else if (this.is('operator', '(')) result = { kind: 'call', callee: result, given: this.given() };
      else return result;
    }
  }

  subscript(object: Expression): Expression {
    if (this.next().text === '.') {
      const { kind, text } = this.next();
      if (kind === 'name') return { kind: 'attribute', object, name: text };
      if (kind === 'integer') return { kind: 'item', object, key: { kind: 'constant', value: BigInt(text) } };
      this.#at--;
      throw this.unexpected('a name');
    }
    const bounds: (Expression | null)[] = [null];
    let isSlice = false;
    while (!this.is('operator', ']')) {
      if (this.skip('operator', ':')) {
        isSlice = true;
        bounds.push(null);
      } else if (bounds.at(-1) === null) bounds[bounds.length - 1] = this.expression();
      else throw this.unexpected(']');
    }
    this.next();
    const [start = null, stop = null, step = null] = bounds;
    if (isSlice && bounds.length <= 3) return { kind: 'slice', object, bounds: [start, stop, step] };
    if (isSlice || start === null) throw new TemplateError('a subscript cannot be read');
    return { kind: 'item', object, key: start };
  }

  given(): Arguments {
    this.expect('operator', '(');
    const args: Expression[] = [];
    const kwargs: [string, Expression][] = [];
    let [spread, kwspread]: (Expression | null)[] = [null, null];
    let isFirst = true;
    while (!this.is('operator', ')')) {
      if (!isFirst) this.expect('operator', ',');
      if (this.is('operator', ')')) break;
      isFirst = false;
      if (this.skip('operator', '*')) spread = this.expression();
      else if (this.skip('operator', '**')) kwspread = this.expression();
      else if (this.is('name') && this.#tokens[this.#at + 1]?.text === '=') {
        const name = this.next().text;
        this.next();
        kwargs.push([name, this.expression()]);
      } else if (kwargs.length > 0 || spread !== null || kwspread !== null) {
        throw new TemplateError('an argument without a name follows one with a name');
      } else args.push(this.expression());
    }
    this.next();
    return { args, kwargs, spread: spread ?? null, kwspread: kwspread ?? null };
  }

  filtered(node: Expression): Expression {
    let result = node;
    for (;;) {
      if (this.is('operator', '|')) {
        for (const { name, given } of this.filters(false)) result = { kind: 'filter', name, operand: result, given };
      } else if (this.is('name', 'is')) result = this.test(result);
      else if (this.is('operator', '(')) result = { kind: 'call', callee: result, given: this.given() };
      else return result;
    }
  }

  /** Filters, the first of which needs no `|` in front of it if it is inline. */
  filters(isInline: boolean): Filters {
    const filters: { name: string; given: Arguments }[] = [];
    while ((isInline && filters.length === 0) || this.skip('operator', '|')) {
      const name = this.expect('name').text;
      filters.push({ name, given: this.is('operator', '(') ? this.given() : NOTHING });
    }
    return filters;
  }

  test(operand: Expression): Expression {
    this.next();
    const isNegated = this.skip('name', 'not');
    const name = this.expect('name').text;
    let given = NOTHING;
    if (this.is('operator', '(')) given = this.given();
    else if (
      ['string', 'integer', 'float'].includes(this.current.kind) ||
      this.is('operator', '[', '{') ||
      (this.is('name') && !this.is('name', 'else', 'or', 'and'))
    ) {
      if (this.is('name', 'is')) throw new TemplateError('tests cannot follow one another');
      if (this.is('name', 'in', 'if', 'not')) throw this.unexpected();
      given = { ...NOTHING, args: [this.postfix(this.primary())] };
    }
    const test: Expression = { kind: 'test', name, operand, given };
    return isNegated ? { kind: 'not', operand: test } : test;
  }
}

function asTarget(expression: Expression): Target {
  if (expression.kind === 'name') return expression;
  if (expression.kind === 'tuple') return { kind: 'tuple', items: expression.items.map(asTarget) };
  throw new TemplateError('a value cannot be given to what is no name');
}
