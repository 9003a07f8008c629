import type { ArtifactType } from '../artifact-type.ts';
import type { Code } from '../diagnostics/codes.ts';
import type { ArtifactPlace } from '../step-kind.ts';
import type { Located, LocatedBroken, LocatedReference } from '../values/located.ts';
import { describeValue, either, typeName } from '../values/words.ts';
import { parseDataRef } from './data-ref.ts';

/** A config as ajv sees it: JSON in which a symbol stands for a reference or for a part that is broken. */
export type Plain = null | boolean | number | string | symbol | Plain[] | PlainObject;
export interface PlainObject {
  [key: string]: Plain;
}

// A symbol is of no JSON type: no `type`, `enum` or `properties` of a schema takes it for something else.
const marked = new WeakMap<symbol, LocatedReference | LocatedBroken>();

export function markOf(value: unknown): LocatedReference | LocatedBroken | undefined {
  return typeof value === 'symbol' ? marked.get(value) : undefined;
}

/** A fresh, plain copy of an evaluated value. */
export function toPlain(node: Located): Plain {
  switch (node.type) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const object: PlainObject = {};
      for (const [key, entry] of node.entries) object[key] = toPlain(entry.value);
      return object;
    }
    default: {
      const mark = Symbol(node.type);
      marked.set(mark, node);
      return mark;
    }
  }
}

export interface ArtifactIssue {
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
  /** The list item it is about. */
  readonly item?: number;
}

function article(type: ArtifactType): string {
  return type === 'adapter' ? `an ${type}` : type === 'json' ? 'JSON' : type === 'tensors' ? 'tensors' : `a ${type}`;
}

/** "a table or JSON". */
export function describeTypes(types: readonly ArtifactType[]): string {
  return either(types.map(article));
}

/** What is wrong with a value at a place that takes an artifact. */
export function artifactIssues(place: ArtifactPlace, value: unknown): readonly ArtifactIssue[] {
  if (isPlaced(value)) return [];
  if (Array.isArray(value) && place.many === true) {
    if (value.length === 0) return [{ code: 'SND108', message: 'the list is empty; at least one is needed' }];
    return value.flatMap((item, at) =>
      (isPlaced(item) ? [] : isOne(item) ? one(place, item) : [wrongType(place, item)]).map((issue) => ({
        ...issue,
        item: at,
      })),
    );
  }
  return isOne(value) ? one(place, value) : [wrongType(place, value)];
}

/** A reference, data reference or artifact that has been put at its place already. */
function isPlaced(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '$' in value;
}

function isOne(value: unknown): value is string | symbol {
  return typeof value === 'string' || typeof value === 'symbol';
}

function wrongType(place: ArtifactPlace, value: unknown): ArtifactIssue {
  return {
    code: 'SND107',
    message: `expected ${describeTypes(place.types)} (a step's output, a path, or a data reference), found ${describePlain(value)}`,
    ...(Array.isArray(value) && place.many !== true ? { hint: 'this place takes one artifact' } : {}),
  };
}

function one(place: ArtifactPlace, value: string | symbol): readonly ArtifactIssue[] {
  if (typeof value === 'string') {
    const parsed = parseDataRef(value, '/');
    return 'code' in parsed ? [parsed] : [];
  }
  const node = markOf(value);
  if (node === undefined || node.type === 'broken') return [];
  const { text, items, collects, unknown } = node.reference;
  const issues: ArtifactIssue[] = [];
  // What a step with problems makes is not known; its axes and types are.
  const absent = unknown ? undefined : items.find((item) => item.type === undefined);
  if (absent !== undefined) {
    issues.push({
      code: 'SND149',
      message: `\`${absent.task}\` does not make the output \`${absent.output}\` with its settings`,
    });
  }
  const wrong = items.find((item) => item.type !== undefined && !place.types.includes(item.type));
  if (wrong?.type !== undefined) {
    issues.push({
      code: 'SND146',
      message: `\`${text}\` is ${article(wrong.type)}; this place takes ${describeTypes(place.types)}`,
    });
  }
  if (collects.length > 0 && place.many !== true) {
    const axes = either(collects.map((name) => `\`${name}\``)).replace(' or ', ' and ');
    const [axis] = collects;
    issues.push({
      code: 'SND147',
      message: `\`${text}\` collects over ${axes}, which gives a list of ${items.length}; this place takes one artifact`,
      hint: `give this step the same \`${axis}\` axis (\`matrix: { ${axis}: … }\`) to take one item a task, or use a step that takes a list`,
    });
  }
  return issues;
}

export function describePlain(value: unknown): string {
  const node = markOf(value);
  if (node !== undefined)
    return node.type === 'reference' ? `a reference (${node.reference.text})` : 'a value with problems';
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return describeValue(value);
  return Array.isArray(value) ? typeName([]) : 'map';
}
