import { TemplateError, unsupported } from './errors.ts';
import { readExpression, readFilters, readTuple } from './expressions.ts';
import { lex } from './lex.ts';
import type { Body, Expression, Signature, Statement, Target } from './syntax.ts';
import { Tokens } from './tokens.ts';

/** Reads a template. @throws TemplateError where it is not one, or has a tag that is not supported */
export function parse(template: string): Body {
  const tokens = new Tokens(lex(template));
  const read = readBody(tokens, []);
  if (!tokens.ended) throw tokens.unexpected();
  return read;
}

/** Statements up to a tag of one of these names, which is not read; to the end where there are none. */
function readBody(tokens: Tokens, ends: readonly string[]): Body {
  const statements: Statement[] = [];
  for (;;) {
    if (tokens.ended) {
      if (ends.length === 0) return statements;
      throw tokens.unexpected(ends.join(' or '));
    }
    const token = tokens.next();
    if (token.kind === 'data') statements.push({ kind: 'data', text: token.text });
    else if (token.text === '{') {
      statements.push({ kind: 'print', value: readTuple(tokens) });
      tokens.expect('end', '{');
    } else {
      if (tokens.is('name', ...ends) && ends.length > 0) return statements;
      statements.push(readStatement(tokens));
    }
  }
}

/** The body of a tag, behind its head, with the tag that ends it. */
function readBlock(tokens: Tokens, end: string): Body {
  tokens.expect('end', '%');
  const body = readBody(tokens, [end]);
  tokens.next();
  tokens.expect('end', '%');
  return body;
}

function readStatement(tokens: Tokens): Statement {
  const tag = tokens.expect('name').text;
  switch (tag) {
    case 'for':
      return readFor(tokens);
    case 'if':
      return readIf(tokens);
    case 'set':
      return readSet(tokens);
    case 'macro': {
      const name = tokens.expect('name').text;
      const signature = readSignature(tokens);
      return { kind: 'macro', name, signature, body: readBlock(tokens, 'endmacro') };
    }
    case 'call': {
      const signature = tokens.is('operator', '(') ? readSignature(tokens) : { names: [], defaults: [] };
      const call = readExpression(tokens);
      if (call.kind !== 'call') throw new TemplateError('a call block needs a call');
      return { kind: 'callblock', call, signature, body: readBlock(tokens, 'endcall') };
    }
    case 'filter': {
      const filters = readFilters(tokens, true);
      return { kind: 'filterblock', filters, body: readBlock(tokens, 'endfilter') };
    }
    case 'with':
      return readWith(tokens);
    // transformers' own: what the assistant says, which is text like other text.
    case 'generation':
      return { kind: 'with', values: [], body: readBlock(tokens, 'endgeneration') };
    case 'break':
    case 'continue':
      tokens.expect('end', '%');
      return { kind: tag };
    default:
      throw unsupported('tag', tag);
  }
}

function readFor(tokens: Tokens): Statement {
  const target = readTarget(tokens, ['in'], false);
  tokens.expect('name', 'in');
  const iterable = readTuple(tokens, { conditional: false, ends: ['recursive'] });
  const test = tokens.skip('name', 'if') ? readExpression(tokens) : null;
  const recursive = tokens.skip('name', 'recursive');
  tokens.expect('end', '%');
  const body = readBody(tokens, ['endfor', 'else']);
  let otherwise: Body = [];
  if (tokens.next().text === 'else') otherwise = readBlock(tokens, 'endfor');
  else tokens.expect('end', '%');
  return { kind: 'for', target, iterable, test, recursive, body, otherwise };
}

function readIf(tokens: Tokens): Statement {
  const test = readTuple(tokens, { conditional: false });
  tokens.expect('end', '%');
  const body = readBody(tokens, ['elif', 'else', 'endif']);
  const tag = tokens.next().text;
  if (tag === 'elif') return { kind: 'branch', test, body, otherwise: [readIf(tokens)] };
  if (tag === 'else') return { kind: 'branch', test, body, otherwise: readBlock(tokens, 'endif') };
  tokens.expect('end', '%');
  return { kind: 'branch', test, body, otherwise: [] };
}

function readSet(tokens: Tokens): Statement {
  const target = readTarget(tokens, [], true);
  if (tokens.skip('operator', '=')) {
    const value = readTuple(tokens);
    tokens.expect('end', '%');
    return { kind: 'set', target, value };
  }
  const filters = readFilters(tokens, false);
  return { kind: 'capture', target, filters, body: readBlock(tokens, 'endset') };
}

function readWith(tokens: Tokens): Statement {
  const values: [Target, Expression][] = [];
  while (!tokens.is('end')) {
    if (values.length > 0) tokens.expect('operator', ',');
    const target = readTarget(tokens, [], false);
    tokens.expect('operator', '=');
    values.push([target, readExpression(tokens)]);
  }
  return { kind: 'with', values, body: readBlock(tokens, 'endwith') };
}

function readSignature(tokens: Tokens): Signature {
  const names: string[] = [];
  const defaults: Expression[] = [];
  tokens.expect('operator', '(');
  while (!tokens.is('operator', ')')) {
    if (names.length > 0) tokens.expect('operator', ',');
    names.push(tokens.expect('name').text);
    if (tokens.skip('operator', '=')) defaults.push(readExpression(tokens));
    else if (defaults.length > 0) throw new TemplateError('an argument without a default follows one with a default');
  }
  tokens.next();
  return { names, defaults };
}

function readTarget(tokens: Tokens, ends: readonly string[], withMembers: boolean): Target {
  if (withMembers && tokens.is('name') && tokens.ahead === '.') {
    const object = tokens.next().text;
    tokens.next();
    return { kind: 'member', object, name: tokens.expect('name').text };
  }
  return asTarget(readTuple(tokens, { primary: true, ends }));
}

function asTarget(expression: Expression): Target {
  if (expression.kind === 'name') return expression;
  if (expression.kind === 'tuple') return { kind: 'tuple', items: expression.items.map(asTarget) };
  throw new TemplateError('a value cannot be given to what is no name');
}
