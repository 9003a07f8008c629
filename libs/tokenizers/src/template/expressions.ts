import { TemplateError } from './errors.ts';
import { unquote } from './lex.ts';
import type { Arguments, Expression, Filters } from './syntax.ts';
import type { Tokens } from './tokens.ts';

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

// What binds least comes first; each calls what binds more.

export function readTuple(
  tokens: Tokens,
  { primary = false, conditional = true, ends = [] as readonly string[], inParentheses = false } = {},
): Expression {
  const items: Expression[] = [];
  let isTuple = false;
  for (;;) {
    if (items.length > 0) tokens.expect('operator', ',');
    if (tokens.is('end') || tokens.is('operator', ')') || (ends.length > 0 && tokens.is('name', ...ends))) break;
    items.push(primary ? readPrimary(tokens) : readExpression(tokens, conditional));
    if (!tokens.is('operator', ',')) break;
    isTuple = true;
  }
  if (isTuple || (items.length === 0 && inParentheses)) return { kind: 'tuple', items };
  if (items.length === 0) throw tokens.unexpected('an expression');
  return items[0]!;
}

export function readExpression(tokens: Tokens, conditional = true): Expression {
  let expression = readOr(tokens);
  while (conditional && tokens.skip('name', 'if')) {
    const test = readOr(tokens);
    const otherwise = tokens.skip('name', 'else') ? readExpression(tokens) : null;
    expression = { kind: 'if', test, first: expression, otherwise };
  }
  return expression;
}

function readOr(tokens: Tokens): Expression {
  let left = readAnd(tokens);
  while (tokens.skip('name', 'or')) left = { kind: 'or', left, right: readAnd(tokens) };
  return left;
}

function readAnd(tokens: Tokens): Expression {
  let left = readNot(tokens);
  while (tokens.skip('name', 'and')) left = { kind: 'and', left, right: readNot(tokens) };
  return left;
}

function readNot(tokens: Tokens): Expression {
  return tokens.skip('name', 'not') ? { kind: 'not', operand: readNot(tokens) } : readComparison(tokens);
}

function readComparison(tokens: Tokens): Expression {
  const first = readSum(tokens);
  const rest: [string, Expression][] = [];
  for (;;) {
    if (tokens.is('operator', ...COMPARISONS)) rest.push([tokens.next().text, readSum(tokens)]);
    else if (tokens.skip('name', 'in')) rest.push(['in', readSum(tokens)]);
    else if (tokens.is('name', 'not') && tokens.ahead === 'in') {
      tokens.next();
      tokens.next();
      rest.push(['not in', readSum(tokens)]);
    } else return rest.length === 0 ? first : { kind: 'compare', first, rest };
  }
}

function readSum(tokens: Tokens): Expression {
  let left = readConcat(tokens);
  while (tokens.is('operator', '+', '-')) {
    left = { kind: 'binary', operator: tokens.next().text, left, right: readConcat(tokens) };
  }
  return left;
}

function readConcat(tokens: Tokens): Expression {
  const items = [readProduct(tokens)];
  while (tokens.skip('operator', '~')) items.push(readProduct(tokens));
  return items.length === 1 ? items[0]! : { kind: 'concat', items };
}

function readProduct(tokens: Tokens): Expression {
  let left = readPower(tokens);
  while (tokens.is('operator', '*', '/', '//', '%')) {
    left = { kind: 'binary', operator: tokens.next().text, left, right: readPower(tokens) };
  }
  return left;
}

function readPower(tokens: Tokens): Expression {
  let left = readUnary(tokens, true);
  while (tokens.is('operator', '**')) {
    left = { kind: 'binary', operator: tokens.next().text, left, right: readUnary(tokens, true) };
  }
  return left;
}

function readUnary(tokens: Tokens, withFilters: boolean): Expression {
  let node: Expression;
  if (tokens.skip('operator', '-')) node = { kind: 'negative', operand: readUnary(tokens, false) };
  else if (tokens.skip('operator', '+')) node = { kind: 'positive', operand: readUnary(tokens, false) };
  else node = readPrimary(tokens);
  node = readPostfix(tokens, node);
  return withFilters ? readFiltered(tokens, node) : node;
}

function readPrimary(tokens: Tokens): Expression {
  const { kind, text } = tokens.next();
  if (kind === 'name') {
    const value = CONSTANTS.get(text);
    return value === undefined ? { kind: 'name', name: text } : { kind: 'constant', value };
  }
  if (kind === 'string') {
    let value = unquote(text);
    while (tokens.is('string')) value += unquote(tokens.next().text);
    return { kind: 'constant', value };
  }
  if (kind === 'integer') return { kind: 'constant', value: BigInt(text.replaceAll('_', '')) };
  if (kind === 'float') return { kind: 'constant', value: Number(text) };
  if (kind === 'operator' && text === '(') {
    const inner = readTuple(tokens, { inParentheses: true });
    tokens.expect('operator', ')');
    return inner;
  }
  if (kind === 'operator' && text === '[')
    return { kind: 'list', items: readList(tokens, ']', () => readExpression(tokens)) };
  if (kind === 'operator' && text === '{') {
    const pair = (): readonly [Expression, Expression] => {
      const key = readExpression(tokens);
      tokens.expect('operator', ':');
      return [key, readExpression(tokens)];
    };
    return { kind: 'dict', items: readList(tokens, '}', pair) };
  }
  tokens.back();
  throw tokens.unexpected();
}

/** Items with commas between them, up to what closes them. */
function readList<Item>(tokens: Tokens, close: string, item: () => Item): Item[] {
  const items: Item[] = [];
  while (!tokens.is('operator', close)) {
    if (items.length > 0) tokens.expect('operator', ',');
    if (tokens.is('operator', close)) break;
    items.push(item());
  }
  tokens.next();
  return items;
}

function readPostfix(tokens: Tokens, node: Expression): Expression {
  let result = node;
  for (;;) {
    if (tokens.is('operator', '.', '[')) result = readSubscript(tokens, result);
    else if (tokens.is('operator', '(')) result = { kind: 'call', callee: result, given: readArguments(tokens) };
    else return result;
  }
}

function readSubscript(tokens: Tokens, object: Expression): Expression {
  if (tokens.next().text === '.') {
    const { kind, text } = tokens.next();
    if (kind === 'name') return { kind: 'attribute', object, name: text };
    if (kind === 'integer') return { kind: 'item', object, key: { kind: 'constant', value: BigInt(text) } };
    tokens.back();
    throw tokens.unexpected('a name');
  }
  const bounds: (Expression | null)[] = [null];
  let isSlice = false;
  while (!tokens.is('operator', ']')) {
    if (tokens.skip('operator', ':')) {
      isSlice = true;
      bounds.push(null);
    } else if (bounds.at(-1) === null) bounds[bounds.length - 1] = readExpression(tokens);
    else throw tokens.unexpected(']');
  }
  tokens.next();
  const [start = null, stop = null, step = null] = bounds;
  if (isSlice && bounds.length <= 3) return { kind: 'slice', object, bounds: [start, stop, step] };
  if (isSlice || start === null) throw new TemplateError('a subscript cannot be read');
  return { kind: 'item', object, key: start };
}

export function readArguments(tokens: Tokens): Arguments {
  tokens.expect('operator', '(');
  const args: Expression[] = [];
  const kwargs: [string, Expression][] = [];
  let [spread, kwspread]: (Expression | null)[] = [null, null];
  let isFirst = true;
  while (!tokens.is('operator', ')')) {
    if (!isFirst) tokens.expect('operator', ',');
    if (tokens.is('operator', ')')) break;
    isFirst = false;
    if (tokens.skip('operator', '*')) spread = readExpression(tokens);
    else if (tokens.skip('operator', '**')) kwspread = readExpression(tokens);
    else if (tokens.is('name') && tokens.ahead === '=') {
      const name = tokens.next().text;
      tokens.next();
      kwargs.push([name, readExpression(tokens)]);
    } else if (kwargs.length > 0 || spread !== null || kwspread !== null) {
      throw new TemplateError('an argument without a name follows one with a name');
    } else args.push(readExpression(tokens));
  }
  tokens.next();
  return { args, kwargs, spread: spread ?? null, kwspread: kwspread ?? null };
}

function readFiltered(tokens: Tokens, node: Expression): Expression {
  let result = node;
  for (;;) {
    if (tokens.is('operator', '|')) {
      for (const { name, given } of readFilters(tokens, false))
        result = { kind: 'filter', name, operand: result, given };
    } else if (tokens.is('name', 'is')) result = readTest(tokens, result);
    else if (tokens.is('operator', '(')) result = { kind: 'call', callee: result, given: readArguments(tokens) };
    else return result;
  }
}

/** Filters, the first of which needs no `|` in front of it if it is inline. */
export function readFilters(tokens: Tokens, isInline: boolean): Filters {
  const filters: { name: string; given: Arguments }[] = [];
  while ((isInline && filters.length === 0) || tokens.skip('operator', '|')) {
    const name = tokens.expect('name').text;
    filters.push({ name, given: tokens.is('operator', '(') ? readArguments(tokens) : NOTHING });
  }
  return filters;
}

function readTest(tokens: Tokens, operand: Expression): Expression {
  tokens.next();
  const isNegated = tokens.skip('name', 'not');
  const name = tokens.expect('name').text;
  let given = NOTHING;
  if (tokens.is('operator', '(')) given = readArguments(tokens);
  else if (
    ['string', 'integer', 'float'].includes(tokens.current.kind) ||
    tokens.is('operator', '[', '{') ||
    (tokens.is('name') && !tokens.is('name', 'else', 'or', 'and'))
  ) {
    if (tokens.is('name', 'is')) throw new TemplateError('tests cannot follow one another');
    if (tokens.is('name', 'in', 'if', 'not')) throw tokens.unexpected();
    given = { ...NOTHING, args: [readPostfix(tokens, readPrimary(tokens))] };
  }
  const test: Expression = { kind: 'test', name, operand, given };
  return isNegated ? { kind: 'not', operand: test } : test;
}
