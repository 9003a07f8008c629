import type { JsonValue } from '@sonde/base';
import type { Reference } from './reference.ts';
import type { SourceFile, SourceRange } from './source.ts';
import { describeValue } from './words.ts';

/** A source whose relative paths start at `folder`. */
export interface Source extends SourceFile {
  readonly folder: string;
}

export interface Range extends SourceRange {
  readonly file: Source;
}

interface Place {
  /** Where the value is written. */
  readonly range: Range;
  /** Where it is used, if an expression or alias brought it there. */
  readonly use?: Range;
}

export interface LocatedScalar extends Place {
  readonly type: 'scalar';
  readonly value: null | boolean | number | string;
  /** It is the value of an expression that stood alone. */
  readonly whole?: true;
  /** Where a relative path starts, if not in the folder of `range.file`. */
  readonly folder?: string;
}

export interface LocatedList extends Place {
  readonly type: 'list';
  readonly items: readonly Located[];
}

export interface LocatedEntry {
  readonly keyRange: Range;
  readonly value: Located;
}

export interface LocatedMap extends Place {
  readonly type: 'map';
  readonly entries: ReadonlyMap<string, LocatedEntry>;
}

/** What an expression that names a step's output gives. */
export interface LocatedReference extends Place {
  readonly type: 'reference';
  readonly reference: Reference;
}

/** Stands where an expression failed: its problem is reported, and no other is derived from it. */
export interface LocatedBroken extends Place {
  readonly type: 'broken';
}

/** A config value that knows where each part of it was written. */
export type Located = LocatedScalar | LocatedList | LocatedMap | LocatedReference | LocatedBroken;

/** The JSON value. References and broken parts have none and read as null: whoever calls has ruled them out. */
export function toJson(node: Located): JsonValue {
  switch (node.type) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toJson);
    case 'map': {
      const object: Record<string, JsonValue> = {};
      for (const [key, entry] of node.entries) object[key] = toJson(entry.value);
      return object;
    }
    default:
      return null;
  }
}

/** What was found, in a message. */
export function describeNode(node: Located): string {
  if (node.type === 'reference') return `a reference (${node.reference.text})`;
  if (node.type === 'scalar') return describeValue(node.value);
  return node.type;
}

/** Whether a part of the value failed to evaluate. */
export function isBroken(node: Located): boolean {
  if (node.type === 'broken') return true;
  if (node.type === 'list') return node.items.some(isBroken);
  if (node.type === 'map') return [...node.entries.values()].some((entry) => isBroken(entry.value));
  return false;
}

/** The first reference inside the value, if any. */
export function findReference(node: Located): LocatedReference | undefined {
  if (node.type === 'reference') return node;
  const children =
    node.type === 'list'
      ? node.items
      : node.type === 'map'
        ? [...node.entries.values()].map((entry) => entry.value)
        : [];
  for (const child of children) {
    const found = findReference(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface Found {
  readonly node: Located;
  readonly range: Range;
  readonly use?: Range;
}

/**
 * What stands at `path`, or at its longest part that exists (a default has no place of its own). With `key`, the range
 * is that of the last key instead of its value.
 */
export function locate(root: Located, path: readonly (string | number)[], key = false): Found {
  let node = root;
  let use = root.use;
  let keyRange: Range | undefined;
  for (const part of path) {
    const entry = node.type === 'map' ? node.entries.get(String(part)) : undefined;
    const child = node.type === 'list' ? node.items[Number(part)] : entry?.value;
    if (child === undefined) {
      keyRange = undefined;
      break;
    }
    node = child;
    keyRange = entry?.keyRange;
    // The key of a value that an expression brought is still written where the expression stands.
    if (child.use !== undefined && !(key && part === path.at(-1))) use = child.use;
  }
  const range = key && keyRange !== undefined ? keyRange : node.range;
  return use === undefined ? { node, range } : { node, range, use };
}
