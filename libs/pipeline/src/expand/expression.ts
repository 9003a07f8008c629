import type { Code } from '../diagnostics/codes.ts';
import type { Problems } from '../diagnostics/problems.ts';
import type { LocatedScalar, Range } from '../values/located.ts';

/** `params.x.y[0]` is the root `params` and the path `['x', 'y', 0]`. */
export interface Expression {
  readonly text: string;
  readonly root: string;
  readonly path: readonly PathPart[];
  readonly range: Range;
}

/** A key, an index, or the name of a value that is one: `params.rates[params.mode]`. */
export type PathPart = string | number | NamedKey;

export interface NamedKey {
  readonly root: 'params' | 'matrix';
  readonly path: readonly string[];
}

/** A string taken apart: text and expressions in turn. One expression alone keeps its value's type. */
export type Template = readonly (string | Expression)[];

interface Fault {
  readonly code: Code;
  readonly at: number;
  readonly length: number;
  readonly message: string;
  readonly hint?: string;
}

const OPEN = '${{';
const CLOSE = '}}';
const ROOT = /[A-Za-z_][A-Za-z0-9_-]*/y;
const KEY = /[A-Za-z_][A-Za-z0-9_-]*/y;
const INDEX = /\[\s*(?:(\d{1,9})|'([^'\]]*)'|"([^"\]]*)")\s*\]/y;
const NAMED_INDEX = /\[\s*(params|matrix)((?:\.[A-Za-z_][A-Za-z0-9_-]*)+)\s*\]/y;
const SPACE = /\s*/y;

export function hasExpression(text: string): boolean {
  return text.includes(OPEN);
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Reads what stands between `${{` and `}}`; offsets in faults are offsets in `body`. */
function parseBody(body: string): { root: string; path: PathPart[] } | Fault {
  let at = match(SPACE, body, 0)?.[0].length ?? 0;
  const fault = (message: string, hint?: string): Fault => ({
    code: 'SND120',
    at: Math.min(at, body.length),
    length: at < body.length ? ([...body.slice(at, at + 2)][0]?.length ?? 1) : 0,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
  if (at >= body.length) return fault('the expression is empty', 'for example ${{ params.count }}');
  const root = match(ROOT, body, at)?.[0];
  if (root === undefined) return fault(`a name is expected here, found \`${[...body.slice(at)][0]}\``, NAMES_ONLY);
  if (root === 'env' || root === 'secrets' || root === 'process') {
    return {
      code: 'SND122',
      at,
      length: root.length,
      message: `\`${root}\` is never available in a pipeline file`,
      hint: 'make it a parameter and give it with --set; keys and tokens are read from the environment by the steps that need them',
    };
  }
  at += root.length;
  const path: PathPart[] = [];
  while (at < body.length) {
    if (body[at] === '.') {
      const key = match(KEY, body, at + 1)?.[0];
      if (key === undefined) {
        at++;
        return fault('a name is expected after `.`', 'other keys are written ["like this"]');
      }
      path.push(key);
      at += key.length + 1;
      continue;
    }
    if (body[at] === '[') {
      const named = match(NAMED_INDEX, body, at);
      if (named !== null) {
        path.push({ root: named[1] as NamedKey['root'], path: named[2]!.slice(1).split('.') });
        at += named[0].length;
        continue;
      }
      const index = match(INDEX, body, at);
      if (index === null)
        return fault('an index is a whole number, a quoted key or a name: `[0]`, `["key"]` or `[params.mode]`');
      path.push(index[1] === undefined ? (index[2] ?? index[3] ?? '') : Number(index[1]));
      at += index[0].length;
      continue;
    }
    const space = match(SPACE, body, at)?.[0].length ?? 0;
    if (at + space >= body.length) break;
    at += space;
    return fault(`the expression should end here, found \`${[...body.slice(at)][0]}\``, NAMES_ONLY);
  }
  return { root, path };
}

const NAMES_ONLY =
  'an expression is one name such as `params.count` or `steps.prompts.outputs.prompts`; there are no operators or functions';

/**
 * Takes a string apart. Undefined where an expression is malformed; the problem then points at its character.
 */
export function parseTemplate(
  node: LocatedScalar & { readonly value: string },
  problems: Problems,
): Template | undefined {
  const text = node.value;
  const parts: (string | Expression)[] = [];
  const source = node.range.file.text.slice(node.range.start, node.range.end);
  let failed = false;
  let sourceAt = 0;
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf(OPEN, at);
    if (open === -1) {
      parts.push(text.slice(at));
      break;
    }
    if (open > at) parts.push(text.slice(at, open));
    const close = text.indexOf(CLOSE, open);
    const end = close === -1 ? text.length : close + CLOSE.length;
    const written = text.slice(open, end);
    const found = source.indexOf(OPEN, sourceAt);
    sourceAt = found === -1 ? source.length : found + OPEN.length;
    // Escapes and folded lines may write the expression otherwise; then the whole scalar is to blame.
    const exact = found !== -1 && source.startsWith(written, found);
    const rangeOf = (from: number, length: number): Range =>
      exact
        ? {
            file: node.range.file,
            start: node.range.start + found + from,
            end: node.range.start + found + from + length,
          }
        : node.range;
    if (close === -1) {
      problems.error('SND120', rangeOf(0, OPEN.length), 'the expression is not closed: `}}` is missing');
      failed = true;
      break;
    }
    const parsed = parseBody(text.slice(open + OPEN.length, close));
    if ('code' in parsed) {
      problems.error(parsed.code, rangeOf(OPEN.length + parsed.at, parsed.length), parsed.message, parsed.hint);
      failed = true;
    } else {
      const name = written.slice(OPEN.length, -CLOSE.length).trim();
      parts.push({ text: name, root: parsed.root, path: parsed.path, range: rangeOf(0, written.length) });
    }
    at = end;
  }
  return failed ? undefined : parts;
}

/** Every expression in the text of a value, wherever it stands. */
export type TemplateOf = (node: LocatedScalar & { readonly value: string }) => Template | undefined;

/** Parses each scalar once, however many tasks use it. */
export function createTemplates(problems: Problems): TemplateOf {
  const known = new WeakMap<LocatedScalar, { readonly template: Template | undefined }>();
  return (node) => {
    const cached = known.get(node);
    if (cached !== undefined) return cached.template;
    const template = parseTemplate(node, problems);
    known.set(node, { template });
    return template;
  };
}
