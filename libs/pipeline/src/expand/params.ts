import type { JsonValue } from '@sonde/base';
import type { Problems } from '../diagnostics/problems.ts';
import type { PipelineFile } from '../read/document.ts';
import { describePlace } from '../read/positions.ts';
import { readYaml, readYamlMap } from '../read/yaml.ts';
import {
  describeNode,
  isBroken,
  type Located,
  type LocatedEntry,
  type Range,
  type Source,
  toJson,
} from '../values/located.ts';
import { suggest, typeName } from '../values/words.ts';
import { hasExpression } from './expression.ts';

/** Parses the value of `--set NAME=VALUE` as YAML. Throws an `Error` with a clear message where it is not. */
export function parseSetValue(text: string): JsonValue {
  const found: string[] = [];
  const problems: Problems = {
    error: (_code, _range, message) => found.push(message),
    warning: () => undefined,
    errorCount: () => found.length,
    all: () => [],
  };
  const value = readYaml({ path: '--set', text, folder: '' }, problems);
  if (found.length > 0) throw new Error(`the value \`${text}\` is not YAML: ${found[0]}`);
  return value === undefined ? null : toJson(value);
}

/** A value given on the command line, as if it stood in a file of one line: `count="ten"`. */
export function locateSetValue(name: string, value: JsonValue, cwd: string, problems: Problems): LocatedEntry {
  const text = `${name}=${JSON.stringify(value)}`;
  const source: Source = { path: '--set', text, folder: cwd };
  const range: Range = { file: source, start: 0, end: name.length };
  const located = readYaml(source, problems, name.length + 1);
  return { keyRange: range, value: located ?? { type: 'broken', range } };
}

/** Reads a parameter file's entries. */
export function readParamsFile(source: Source, problems: Problems): ReadonlyMap<string, LocatedEntry> {
  return readYamlMap(source, problems, 'parameters (`name: value`)')?.entries ?? new Map();
}

/** Where the values that replace defaults come from, for messages. */
export interface Given {
  readonly entries: ReadonlyMap<string, LocatedEntry>;
  /** Where to blame for a parameter that nobody set; the parameter itself if undefined. */
  readonly blame: Range | undefined;
}

/**
 * The values of a file's parameters: each default, or what replaces it. Unknown names, missing values and values of
 * another type are reported.
 */
export function bindParams(
  file: PipelineFile,
  given: readonly Given[],
  problems: Problems,
): ReadonlyMap<string, Located> {
  const bound = new Map<string, Located>();
  for (const { entries } of given) {
    for (const [name, { keyRange }] of entries) {
      if (!file.params.has(name)) {
        problems.error(
          'SND130',
          keyRange,
          `the pipeline${file.name === '' ? '' : ` \`${file.name}\``} has no parameter \`${name}\``,
          () => suggest(name, file.params.keys(), 'parameters'),
        );
      }
    }
  }
  for (const [name, declared] of file.params) {
    const setter = given.findLast(({ entries }) => entries.has(name));
    const value = setter?.entries.get(name)?.value;
    if (value === undefined) {
      bound.set(name, declared.value);
      if (declared.value.type === 'scalar' && declared.value.value === null) {
        const blame = given.find((source) => source.blame !== undefined)?.blame;
        problems.error(
          'SND131',
          blame ?? declared.keyRange,
          `the parameter \`${name}\` must be set`,
          blame === undefined ? `add --set ${name}=…` : `it has no default (${describePlace(declared.keyRange)})`,
        );
        bound.set(name, { type: 'broken', range: declared.keyRange });
      }
      continue;
    }
    bound.set(name, checkType(name, value, declared, problems) ? value : { type: 'broken', range: value.range });
  }
  return bound;
}

function checkType(name: string, value: Located, declared: LocatedEntry, problems: Problems): boolean {
  if (isBroken(value)) return false;
  const from = value.use ?? value.range;
  const expression = firstExpression(value);
  if (expression !== undefined) {
    problems.error('SND125', expression, 'a parameter cannot be set to an expression', 'give the value itself');
    return false;
  }
  const fallback = declared.value;
  // What exactly a value may be, the schema says where it is used; a list where one value is meant would only puzzle.
  if (fallback.type === 'broken' || (fallback.type === 'scalar' && fallback.value === null)) return true;
  const there = `its default is in ${describePlace(declared.keyRange)}`;
  if (value.type === 'reference') {
    // Data is named by text, so a step's output can stand where text or a list of texts would.
    if (fallback.type === 'list' || (fallback.type === 'scalar' && typeof fallback.value === 'string')) return true;
    problems.error(
      'SND132',
      from,
      `the parameter \`${name}\` takes ${kindOf(fallback)}, found ${describeNode(value)}`,
      there,
    );
    return false;
  }
  if (exchangeable(value, fallback)) return true;
  const example = fallback.type === 'list' ? `; a list is written --set ${name}='[a, b]'` : '';
  problems.error(
    'SND132',
    from,
    `the parameter \`${name}\` takes a ${kindOf(fallback)}, found ${describeNode(value)}`,
    `${there}${from.file.path === '--set' ? example : ''}`,
  );
  return false;
}

/** A scalar for a scalar, a list for a list, a map for a map; and a map for text, as `model:` takes either. */
function exchangeable(value: Located, fallback: Located): boolean {
  if (value.type === 'scalar' && value.value === null) return false;
  if (value.type === fallback.type) return true;
  const either = [value, fallback];
  return either.some(isText) && either.some((node) => node.type === 'map');
}

function isText(node: Located): boolean {
  return node.type === 'scalar' && typeof node.value === 'string';
}

function kindOf(node: Located): string {
  if (node.type !== 'scalar') return node.type;
  const name = typeName(node.value);
  return name === 'integer' ? 'number' : name;
}

function firstExpression(node: Located): Range | undefined {
  if (node.type === 'scalar')
    return typeof node.value === 'string' && hasExpression(node.value) ? node.range : undefined;
  const children: readonly Located[] =
    node.type === 'list'
      ? node.items
      : node.type === 'map'
        ? [...node.entries.values()].map((entry) => entry.value)
        : [];
  for (const child of children) {
    const found = firstExpression(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
