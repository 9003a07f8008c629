import { type Schema, validatorOf } from './validators.ts';

// The one reading of JSON Schema beside the validator's own: which keywords hold schemas, and which schemas say
// something about a value. Defaults, places of artifacts, the fingerprint and the editor's schema all come from here.

/** What the schemas that a keyword holds are about: the value itself, a value inside it, or a question asked of it. */
type About = 'itself' | 'inside' | 'question';

export interface SchemaKeyword {
  readonly about: About;
  readonly holds: 'one' | 'list' | 'map';
}

/** Every keyword that holds schemas, but for `$defs`, which are followed through `$ref`. */
export const SCHEMA_KEYWORDS: Readonly<Record<string, SchemaKeyword>> = {
  properties: { about: 'inside', holds: 'map' },
  patternProperties: { about: 'inside', holds: 'map' },
  additionalProperties: { about: 'inside', holds: 'one' },
  unevaluatedProperties: { about: 'inside', holds: 'one' },
  prefixItems: { about: 'inside', holds: 'list' },
  items: { about: 'inside', holds: 'one' },
  unevaluatedItems: { about: 'inside', holds: 'one' },
  contains: { about: 'question', holds: 'one' },
  allOf: { about: 'itself', holds: 'list' },
  anyOf: { about: 'itself', holds: 'list' },
  oneOf: { about: 'itself', holds: 'list' },
  dependentSchemas: { about: 'itself', holds: 'map' },
  if: { about: 'question', holds: 'one' },
  // biome-ignore lint/suspicious/noThenProperty: the keyword's name in JSON Schema
  then: { about: 'itself', holds: 'one' },
  else: { about: 'itself', holds: 'one' },
  not: { about: 'question', holds: 'one' },
  propertyNames: { about: 'question', holds: 'one' },
};

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A place in a config: the schemas that say something about the value there. Of `oneOf`, `anyOf` and `if` these are
 * the branches that the value fits, or none of them where branches are left out (as long as defaults are missing,
 * what fits is not known).
 */
export interface Place {
  readonly schemas: readonly Schema[];
  /** The place of a key of this map. */
  key(name: string, value: unknown): Place;
  /** The place of an item of this list. */
  item(at: number, value: unknown): Place;
}

/** The place of a whole config. */
export function placeOf(root: Schema, value: unknown, branches: 'fitting' | 'none' = 'fitting'): Place {
  return makePlace([root], value, { root, branches: branches === 'fitting' });
}

interface Walk {
  readonly root: Schema;
  readonly branches: boolean;
}

function makePlace(schemas: readonly Schema[], value: unknown, walk: Walk): Place {
  const here = new Set<Schema>();
  for (const schema of schemas) gather(schema, value, walk, here);
  const found = [...here];
  return {
    schemas: found,
    key: (name, child) => makePlace(schemasOfKey(found, name), child, walk),
    item: (at, child) => makePlace(schemasOfItem(found, at), child, walk),
  };
}

/** Adds the schema and all that apply beside it at the same place. */
function gather(schema: Schema, value: unknown, walk: Walk, here: Set<Schema>): void {
  if (here.has(schema)) return;
  here.add(schema);
  const add = (part: unknown): void => {
    if (isSchema(part)) gather(part, value, walk, here);
  };
  if (typeof schema.$ref === 'string') add(referenced(schema.$ref, walk.root));
  for (const part of list(schema.allOf)) add(part);
  if (!walk.branches) return;
  for (const part of [...list(schema.oneOf), ...list(schema.anyOf)]) if (fits(part, walk.root, value)) add(part);
  if (isSchema(schema.if)) add(fits(schema.if, walk.root, value) ? schema.then : schema.else);
  if (isSchema(schema.dependentSchemas) && isSchema(value)) {
    for (const [name, part] of Object.entries(schema.dependentSchemas)) if (Object.hasOwn(value, name)) add(part);
  }
}

function fits(schema: Schema, root: Schema, value: unknown): boolean {
  return validatorOf(schema, root)(value) === true;
}

function list(value: unknown): readonly Schema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** What a local `$ref` (`#/$defs/layers`) names. */
export function referenced(ref: string, root: Schema): Schema {
  let target: unknown = root;
  for (const part of ref.replace(/^#\/?/, '').split('/').filter(Boolean)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    target = typeof target === 'object' && target !== null ? (target as Record<string, unknown>)[name] : undefined;
  }
  if (!isSchema(target)) throw new Error(`the config schema has no ${ref}`);
  return target;
}

function schemasOfKey(here: readonly Schema[], key: string): readonly Schema[] {
  const named = here.flatMap((schema) => {
    const { properties, patternProperties, additionalProperties } = schema;
    const found: unknown[] = [];
    if (isSchema(properties) && Object.hasOwn(properties, key)) found.push(properties[key]);
    if (isSchema(patternProperties)) {
      for (const [pattern, part] of Object.entries(patternProperties)) if (matches(pattern, key)) found.push(part);
    }
    if (found.length === 0 && additionalProperties !== undefined) found.push(additionalProperties);
    return found;
  });
  return (named.length > 0 ? named : here.map((schema) => schema.unevaluatedProperties)).filter(isSchema);
}

function schemasOfItem(here: readonly Schema[], at: number): readonly Schema[] {
  const named = here.flatMap(({ prefixItems, items }) => {
    const own = Array.isArray(prefixItems) && at < prefixItems.length ? prefixItems[at] : items;
    return own === undefined ? [] : [own];
  });
  return (named.length > 0 ? named : here.map((schema) => schema.unevaluatedItems)).filter(isSchema);
}

const patterns = new Map<string, RegExp>();

function matches(pattern: string, key: string): boolean {
  let made = patterns.get(pattern);
  if (made === undefined) {
    made = new RegExp(pattern, 'u');
    patterns.set(pattern, made);
  }
  return made.test(key);
}

/** What a schema, or else what it refers to and always combines with, has under a keyword. */
export function statedBy(schema: Schema, root: Schema, keyword: string): unknown {
  const { schemas } = makePlace([schema], undefined, { root, branches: false });
  return schemas.find((one) => one[keyword] !== undefined)?.[keyword];
}

/** Key → default, for the keys of this map that have one. */
export function defaultsOf({ schemas }: Place, root: Schema): readonly (readonly [string, unknown])[] {
  return schemas.flatMap(({ properties }) =>
    isSchema(properties)
      ? Object.entries(properties).flatMap(([name, part]) => {
          const value = isSchema(part) ? statedBy(part, root, 'default') : undefined;
          return value === undefined ? [] : [[name, value] as const];
        })
      : [],
  );
}
