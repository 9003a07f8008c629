import type { Kwargs } from './arguments.ts';
import { TemplateError, unsupported } from './errors.ts';
import { filtered } from './filters.ts';
import { percent } from './format.ts';
import { methodOf } from './methods.ts';
import { arithmetic } from './numbers.ts';
import type { Arguments, Body, Expression, Filters, Signature, Statement, Target } from './syntax.ts';
import { passes } from './tests.ts';
import {
  Callable,
  compare,
  contains,
  Dict,
  isEqual,
  isHashable,
  isList,
  isTrue,
  iterate,
  Loop,
  lengthOf,
  Markup,
  Namespace,
  numberOf,
  Range,
  sliced,
  str,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/** Names and their values, inside others. */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null, names: Iterable<readonly [string, Value]> = []) {
    this.#outer = outer;
    for (const [name, value] of names) this.#names.set(name, value);
  }

  get(name: string): Value {
    const value = this.#names.get(name);
    if (value !== undefined) return value;
    if (this.#outer) return this.#outer.get(name);
    if (name === 'self') throw unsupported('name', name);
    return new Undefined(name);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}

type Flow = 'break' | 'continue' | null;

/** Runs statements. @returns whether a loop around them is to be left or gone on with */
export function run(body: Body, scope: Scope, write: (text: string) => void): Flow {
  for (const statement of body) {
    const flow = step(statement, scope, write);
    if (flow !== null) return flow;
  }
  return null;
}

function captured(body: Body, scope: Scope): string {
  let text = '';
  if (run(body, scope, (part) => (text += part)) !== null) throw new TemplateError('break or continue outside a loop');
  return text;
}

function step(statement: Statement, scope: Scope, write: (text: string) => void): Flow {
  switch (statement.kind) {
    case 'data':
      write(statement.text);
      return null;
    case 'print':
      write(str(evaluate(statement.value, scope)));
      return null;
    case 'branch':
      return run(isTrue(evaluate(statement.test, scope)) ? statement.body : statement.otherwise, scope, write);
    case 'for':
      return loop(statement, scope, write);
    case 'set':
      assign(statement.target, evaluate(statement.value, scope), scope);
      return null;
    case 'capture':
      assign(statement.target, through(statement.filters, captured(statement.body, new Scope(scope)), scope), scope);
      return null;
    case 'filterblock':
      write(str(through(statement.filters, captured(statement.body, new Scope(scope)), scope)));
      return null;
    case 'macro':
      scope.set(statement.name, macro(statement.name, statement.signature, statement.body, scope));
      return null;
    case 'callblock': {
      const { callee, given } = statement.call as Expression & { kind: 'call' };
      const caller = macro('caller', statement.signature, statement.body, scope);
      const [args, kwargs] = evaluateGiven(given, scope);
      write(str(call(evaluate(callee, scope), args, new Map([...kwargs, ['caller', caller]]))));
      return null;
    }
    case 'with': {
      const inner = new Scope(scope);
      const values = statement.values.map(([target, value]) => [target, evaluate(value, scope)] as const);
      for (const [target, value] of values) assign(target, value, inner);
      return run(statement.body, inner, write);
    }
    default:
      return statement.kind;
  }
}

type ForStatement = Statement & { kind: 'for' };

function loop(statement: ForStatement, scope: Scope, write: (text: string) => void): Flow {
  return loopOver(statement, iterate(evaluate(statement.iterable, scope)), 0, scope, write);
}

/** @param depth how many loops of the same statement are around this one */
function loopOver(
  statement: ForStatement,
  all: readonly Value[],
  depth: number,
  scope: Scope,
  write: (text: string) => void,
): Flow {
  const { target, test, recursive, body, otherwise } = statement;
  const again = ([values = null]: readonly Value[]): string => {
    if (!recursive) throw new TemplateError('a loop that calls itself must be `recursive`');
    let text = '';
    loopOver(statement, iterate(values), depth + 1, scope, (part) => (text += part));
    return text;
  };
  const isKept = (item: Value): boolean => {
    const inner = new Scope(scope);
    assign(target, item, inner);
    return test === null || isTrue(evaluate(test, inner));
  };
  const items = all.filter(isKept);
  let seen: Value | undefined;
  const changed = new Callable('changed', (args) => {
    const isNew = seen === undefined || !isEqual(seen, new Tuple(args));
    seen = new Tuple(args);
    return isNew;
  });
  // Jinja takes the other way wherever no pass came to the end of the body.
  let isDone = false;
  for (const [i, item] of items.entries()) {
    const inner = new Scope(scope, [['loop', loopOf(items, i, depth, changed, again)]]);
    assign(target, item, inner);
    const flow = run(body, inner, write);
    isDone ||= flow === null;
    if (flow === 'break') break;
  }
  return isDone ? null : run(otherwise, new Scope(scope), write);
}

function loopOf(
  items: readonly Value[],
  i: number,
  depth: number,
  changed: Callable,
  again: (args: readonly Value[]) => string,
): Loop {
  const count = items.length;
  const attributes: [string, Value][] = [
    ['index', BigInt(i + 1)],
    ['index0', BigInt(i)],
    ['revindex', BigInt(count - i)],
    ['revindex0', BigInt(count - i - 1)],
    ['first', i === 0],
    ['last', i === count - 1],
    ['length', BigInt(count)],
    ['depth', BigInt(depth + 1)],
    ['depth0', BigInt(depth)],
    ['previtem', items[i - 1] ?? new Undefined('there is no previous item')],
    ['nextitem', items[i + 1] ?? new Undefined('there is no next item')],
    ['changed', changed],
    [
      'cycle',
      new Callable('cycle', (args) => {
        if (args.length === 0) throw new TemplateError('no items for cycling given');
        return args[i % args.length]!;
      }),
    ],
  ];
  return new Loop(new Map(attributes), again);
}

function assign(target: Target, value: Value, scope: Scope): void {
  if (target.kind === 'name') scope.set(target.name, value);
  else if (target.kind === 'tuple') {
    const items = iterate(value);
    if (items.length !== target.items.length) {
      throw new TemplateError(`${items.length} values cannot be given to ${target.items.length} names`);
    }
    for (const [i, inner] of target.items.entries()) assign(inner, items[i]!, scope);
  } else {
    const object = scope.get(target.object);
    if (!(object instanceof Namespace)) throw new TemplateError(`cannot assign attribute on non-namespace object`);
    object.values.set(target.name, value);
  }
}

function macro(name: string, { names, defaults }: Signature, body: Body, scope: Scope): Callable {
  const wanted = new Set(namesIn(body));
  return new Callable(
    name,
    (args, kwargs) => {
      const inner = new Scope(scope);
      const rest = new Map(kwargs);
      for (const [i, parameter] of names.entries()) {
        const given = args[i] ?? rest.get(parameter);
        if (i >= args.length) rest.delete(parameter);
        const fallback = defaults[i - (names.length - defaults.length)];
        inner.set(parameter, given ?? (fallback ? evaluate(fallback, inner) : new Undefined(parameter)));
      }
      const caller = rest.get('caller');
      if (wanted.has('caller')) {
        rest.delete('caller');
        inner.set('caller', caller ?? new Undefined('No caller defined'));
      }
      if (wanted.has('kwargs')) inner.set('kwargs', new Dict([...rest]));
      else if (rest.size > 0) throw new TemplateError(`macro ${name} takes no argument "${[...rest.keys()][0]}"`);
      if (wanted.has('varargs')) inner.set('varargs', new Tuple(args.slice(names.length)));
      else if (args.length > names.length) throw new TemplateError(`macro ${name} takes ${names.length} arguments`);
      return captured(body, inner);
    },
    true,
  );
}

/** All names that stand in a piece of a template. */
function namesIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(namesIn);
  if (typeof node !== 'object' || node === null) return [];
  const { kind, name } = node as { kind?: unknown; name?: unknown };
  const own = kind === 'name' && typeof name === 'string' ? [name] : [];
  return [...own, ...Object.values(node).flatMap(namesIn)];
}

function through(filters: Filters, text: string, scope: Scope): Value {
  return filters.reduce<Value>((value, { name, given }) => {
    const [args, kwargs] = evaluateGiven(given, scope);
    return filtered(name, value, args, kwargs);
  }, text);
}

function evaluateGiven(given: Arguments, scope: Scope): [Value[], Map<string, Value>] {
  const args = given.args.map((each) => evaluate(each, scope));
  if (given.spread) args.push(...iterate(evaluate(given.spread, scope)));
  const kwargs = new Map(given.kwargs.map(([name, value]) => [name, evaluate(value, scope)]));
  if (given.kwspread) {
    const dict = evaluate(given.kwspread, scope);
    if (!(dict instanceof Dict)) throw new TemplateError('what follows ** must be a dictionary');
    for (const [key, value] of dict.entries.values()) kwargs.set(str(key), value);
  }
  return [args, kwargs];
}

function call(callee: Value, args: readonly Value[], kwargs: Kwargs): Value {
  if (callee instanceof Callable) return callee.call(args, kwargs);
  if (callee instanceof Loop) return callee.again(args);
  if (callee instanceof Undefined) throw new TemplateError(`"${callee.what}" is undefined`);
  throw new TemplateError(`a ${typeName(callee)} cannot be called`);
}

/** A name of a value: what stands behind a dot. */
function attributeOf(object: Value, name: string): Value {
  if (object instanceof Undefined) throw new TemplateError(`"${object.what}" is undefined`);
  const method = methodOf(object, name);
  if (method) return method;
  if (object instanceof Dict) return object.get(name) ?? new Undefined(name);
  if (object instanceof Namespace) return object.values.get(name) ?? new Undefined(name);
  if (object instanceof Loop) return object.attributes.get(name) ?? new Undefined(name);
  if (object instanceof Callable && object.isMacro && name === 'name') return object.name;
  if (object instanceof Markup) throw unsupported('attribute of what "safe" gives', name);
  return new Undefined(name);
}

function itemOf(object: Value, key: Value): Value {
  if (object instanceof Undefined) throw new TemplateError(`"${object.what}" is undefined`);
  if (object instanceof Dict && isHashable(key)) {
    const found = object.get(key);
    if (found !== undefined) return found;
  }
  const items = typeof object === 'string' ? [...object] : isList(object) ? object : itemsBy(object);
  if (items && (typeof key === 'bigint' || typeof key === 'boolean')) {
    return items.at(Number(key)) ?? new Undefined(`item ${key}`);
  }
  return typeof key === 'string' ? attributeOf(object, key) : new Undefined(str(key));
}

function itemsBy(object: Value): readonly Value[] | null {
  return object instanceof Tuple || object instanceof Range ? object.items : null;
}

function slice(object: Value, bounds: readonly (Value | null)[]): Value {
  if (object instanceof Undefined) throw new TemplateError(`"${object.what}" is undefined`);
  const length = lengthOf(object);
  if (typeof object === 'string') {
    const points = [...object];
    return sliced(points.length, bounds)
      .map((place) => points[place])
      .join('');
  }
  if (isList(object)) return sliced(length!, bounds).map((place) => object[place]!);
  if (object instanceof Tuple) return new Tuple(sliced(length!, bounds).map((place) => object.items[place]!));
  throw unsupported('slice of', typeName(object));
}

function binary(operator: string, a: Value, b: Value): Value {
  for (const side of [a, b]) if (side instanceof Undefined) throw new TemplateError(`"${side.what}" is undefined`);
  if (a instanceof Markup || b instanceof Markup) throw unsupported('operator on what "safe" gives', operator);
  if (operator === '%' && typeof a === 'string') return percent(a, b);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return arithmetic(operator, x, y);
  if (operator === '+') {
    if (typeof a === 'string' && typeof b === 'string') return a + b;
    if (isList(a) && isList(b)) return [...a, ...b];
    if (a instanceof Tuple && b instanceof Tuple) return new Tuple([...a.items, ...b.items]);
  }
  if (operator === '*') {
    const [what, count] = typeof y === 'bigint' ? [a, y] : [b, x];
    if (typeof count === 'bigint') return repeated(what, Math.max(0, Number(count)));
  }
  throw new TemplateError(`${operator} has no meaning between a ${typeName(a)} and a ${typeName(b)}`);
}

const MOST_REPEATED = 10_000_000;

function repeated(value: Value, count: number): Value {
  if ((lengthOf(value) ?? 0) * count > MOST_REPEATED) throw new TemplateError('what is repeated becomes too long');
  if (typeof value === 'string') return value.repeat(count);
  if (isList(value)) return Array.from({ length: count }, () => value).flat();
  if (value instanceof Tuple) return new Tuple(Array.from({ length: count }, () => value.items).flat());
  throw new TemplateError(`a ${typeName(value)} cannot be repeated`);
}

function holds(operator: string, a: Value, b: Value): boolean {
  if (operator === '==') return isEqual(a, b);
  if (operator === '!=') return !isEqual(a, b);
  if (operator === 'in') return contains(b, a);
  if (operator === 'not in') return !contains(b, a);
  const order = compare(a, b);
  if (Number.isNaN(Number(numberOf(a) ?? 0)) || Number.isNaN(Number(numberOf(b) ?? 0))) return false;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

export function evaluate(node: Expression, scope: Scope): Value {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'name':
      return scope.get(node.name);
    case 'list':
      return node.items.map((item) => evaluate(item, scope));
    case 'tuple':
      return new Tuple(node.items.map((item) => evaluate(item, scope)));
    case 'dict':
      return new Dict(node.items.map(([key, value]) => [evaluate(key, scope), evaluate(value, scope)]));
    case 'if':
      if (isTrue(evaluate(node.test, scope))) return evaluate(node.first, scope);
      return node.otherwise ? evaluate(node.otherwise, scope) : new Undefined('an if without else');
    case 'and': {
      const left = evaluate(node.left, scope);
      return isTrue(left) ? evaluate(node.right, scope) : left;
    }
    case 'or': {
      const left = evaluate(node.left, scope);
      return isTrue(left) ? left : evaluate(node.right, scope);
    }
    case 'not':
      return !isTrue(evaluate(node.operand, scope));
    case 'negative':
    case 'positive': {
      const operand = evaluate(node.operand, scope);
      const number = numberOf(operand);
      if (number === null) throw new TemplateError(`a ${typeName(operand)} has no sign`);
      return node.kind === 'negative' ? -number : number;
    }
    case 'compare': {
      let left = evaluate(node.first, scope);
      for (const [operator, next] of node.rest) {
        const right = evaluate(next, scope);
        if (!holds(operator, left, right)) return false;
        left = right;
      }
      return true;
    }
    case 'binary':
      return binary(node.operator, evaluate(node.left, scope), evaluate(node.right, scope));
    case 'concat': {
      const items = node.items.map((item) => evaluate(item, scope));
      if (items.some((item) => item instanceof Markup)) throw unsupported('operator on what "safe" gives', '~');
      return items.map(str).join('');
    }
    case 'attribute':
      return attributeOf(evaluate(node.object, scope), node.name);
    case 'item':
      return itemOf(evaluate(node.object, scope), evaluate(node.key, scope));
    case 'slice': {
      const bounds = node.bounds.map((bound) => (bound ? evaluate(bound, scope) : null));
      return slice(evaluate(node.object, scope), bounds);
    }
    case 'call': {
      const callee = evaluate(node.callee, scope);
      return call(callee, ...evaluateGiven(node.given, scope));
    }
    case 'filter':
      return filtered(node.name, evaluate(node.operand, scope), ...evaluateGiven(node.given, scope));
    case 'test': {
      const operand = evaluate(node.operand, scope);
      const [args, kwargs] = evaluateGiven(node.given, scope);
      if (kwargs.size > 0) throw unsupported('test with named arguments', node.name);
      return passes(node.name, operand, args);
    }
  }
}
