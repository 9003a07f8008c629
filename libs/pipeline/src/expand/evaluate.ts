import type { Problems } from '../diagnostics/problems.ts';
import { type AxisValues, describeAxes } from '../values/axes.ts';
import type { Located, LocatedEntry, LocatedScalar, Range } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import { narrow, type Reference } from '../values/reference.ts';
import { suggest } from '../values/words.ts';
import type { LocatedAxisValue } from './axis-values.ts';
import { type Budget, MAX_TEXT, sizeOf } from './budget.ts';
import { type Expression, hasExpression, type PathPart, type TemplateOf } from './expression.ts';

/** What expressions can see. Names that are not there have been reported before evaluation. */
export interface Scope {
  readonly params: ReadonlyMap<string, Located>;
  readonly matrix: ReadonlyMap<string, LocatedAxisValue>;
  readonly axes: AxisValues;
  /** Undefined where there is nothing to refer to; the problem is then reported. */
  reference(step: string, output: string, expression: Expression): Reference | undefined;
  /** Roots that are left in the text for the step to fill in. */
  readonly late: ReadonlySet<string>;
}

export interface Evaluator {
  readonly templates: TemplateOf;
  readonly problems: Problems;
  readonly budget: Budget;
}

/** Replaces every expression in a value. Parts that fail become `broken`, with their problem reported. */
export function evaluate(node: Located, scope: Scope, evaluator: Evaluator): Located {
  switch (node.type) {
    case 'scalar':
      return typeof node.value === 'string' && hasExpression(node.value)
        ? evaluateText(node as LocatedScalar & { value: string }, scope, evaluator)
        : node;
    case 'list': {
      let changed = false;
      const items = node.items.map((item) => {
        const value = evaluate(item, scope, evaluator);
        changed ||= value !== item;
        return value;
      });
      return changed ? { ...node, items } : node;
    }
    case 'map': {
      let changed = false;
      const entries = new Map<string, LocatedEntry>();
      for (const [key, entry] of node.entries) {
        const value = evaluate(entry.value, scope, evaluator);
        changed ||= value !== entry.value;
        entries.set(key, value === entry.value ? entry : { keyRange: entry.keyRange, value });
      }
      return changed ? { ...node, entries } : node;
    }
    default:
      return node;
  }
}

function evaluateText(node: LocatedScalar & { readonly value: string }, scope: Scope, evaluator: Evaluator): Located {
  const broken: Located = { type: 'broken', range: node.range };
  const template = evaluator.templates(node);
  if (template === undefined) return broken;
  const [first] = template;
  if (template.length === 1 && typeof first === 'object' && !scope.late.has(first.root)) {
    const value = lookUp(first, scope, evaluator.problems);
    if (value === undefined || !evaluator.budget.spend(sizeOf(value), node.range)) return broken;
    return value.type === 'scalar' ? { ...value, whole: true } : value;
  }
  let text = '';
  let folder: string | undefined;
  let failed = false;
  for (const part of template) {
    if (typeof part === 'string') {
      text += part;
      continue;
    }
    if (scope.late.has(part.root)) {
      text += `\${{ ${part.text} }}`;
      continue;
    }
    const value = lookUp(part, scope, evaluator.problems);
    if (value === undefined || value.type === 'broken') {
      failed = true;
      continue;
    }
    if (value.type !== 'scalar' || value.value === null) {
      evaluator.problems.error(
        'SND123',
        part.range,
        `${describeNode(value)} cannot stand inside text`,
        value.type === 'reference'
          ? 'an output can only be the whole value of a key'
          : 'inside text only strings, numbers, true and false are formatted; name one item, or make the expression the whole value',
      );
      failed = true;
      continue;
    }
    // A text that begins with a value is a path relative to where that value was said.
    if (part === first) folder = value.folder ?? value.range.file.folder;
    text += String(value.value);
    if (text.length > MAX_TEXT) {
      evaluator.problems.error(
        'SND102',
        node.range,
        `the text has more than ${MAX_TEXT} characters`,
        'long texts belong into a file that the step reads',
      );
      return broken;
    }
  }
  if (failed || !evaluator.budget.spend(text.length, node.range)) return broken;
  return { type: 'scalar', value: text, range: node.range, ...(folder === undefined ? {} : { folder }) };
}

function lookUp(expression: Expression, scope: Scope, problems: Problems): Located | undefined {
  const { root, path, range } = expression;
  const [name, ...rest] = path;
  if (root === 'steps') {
    const reference = scope.reference(String(name), String(path[2]), expression);
    return reference === undefined ? undefined : { type: 'reference', reference, range, use: range };
  }
  const start = root === 'params' ? scope.params.get(String(name)) : scope.matrix.get(String(name))?.node;
  if (start === undefined) {
    // Of a literal matrix this has been said already, in the same words; `include:` may give a name to some tasks only.
    if (root === 'matrix' && scope.matrix.size > 0)
      problems.error('SND121', range, `the matrix gives no \`${name}\``, `not for ${describeAxes(scope.axes)}`);
    return undefined;
  }
  const keys = keysOf(rest, range, scope, problems);
  const found = keys && follow(start, `${root}.${name}`, keys, range, problems);
  if (found === undefined) return undefined;
  if (found.type === 'reference') {
    const reference = narrow(found.reference, scope.axes);
    if (reference.items.length > 0 || reference.unknown) return { ...found, reference, use: range };
    problems.error('SND148', range, `\`${reference.text}\` has no task for ${describeAxes(scope.axes)}`);
    return undefined;
  }
  return { ...found, use: range };
}

/** The path with the values of what it names. */
function keysOf(
  path: readonly PathPart[],
  range: Range,
  scope: Scope,
  problems: Problems,
): (string | number)[] | undefined {
  const keys: (string | number)[] = [];
  for (const part of path) {
    if (typeof part !== 'object') {
      keys.push(part);
      continue;
    }
    const text = `${part.root}.${part.path.join('.')}`;
    const value = lookUp({ text, ...part, range }, scope, problems);
    if (value === undefined || value.type === 'broken') return undefined;
    if (value.type !== 'scalar' || (typeof value.value !== 'string' && typeof value.value !== 'number')) {
      problems.error(
        'SND124',
        range,
        `\`${text}\` is ${describeNode(value)}, which names no key`,
        'an index is a text or a whole number',
      );
      return undefined;
    }
    keys.push(value.value);
  }
  return keys;
}

function follow(
  start: Located,
  name: string,
  path: readonly (string | number)[],
  range: Range,
  problems: Problems,
): Located | undefined {
  let node = start;
  let said = name;
  for (const part of path) {
    if (node.type === 'broken') return node;
    const child =
      node.type === 'map'
        ? node.entries.get(String(part))?.value
        : node.type === 'list' && typeof part === 'number'
          ? node.items[part]
          : undefined;
    if (child === undefined) {
      const at = node;
      const hint = (): string | undefined =>
        at.type === 'map'
          ? suggest(String(part), at.entries.keys(), 'its keys')
          : at.type === 'list'
            ? `its items are 0 to ${at.items.length - 1}`
            : undefined;
      problems.error(
        'SND124',
        range,
        `\`${said}\` (${describeNode(node)}) has no ${typeof part === 'number' ? 'item' : 'key'} \`${part}\``,
        hint,
      );
      return undefined;
    }
    node = child;
    said += typeof part === 'number' ? `[${part}]` : `.${part}`;
  }
  return node;
}
