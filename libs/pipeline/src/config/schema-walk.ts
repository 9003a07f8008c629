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
  const walk = walkOf(root, branches === 'fitting');
  return placeOfAsked(walk.asked, value, walk);
}

interface Walk {
  readonly root: Schema;
  readonly branches: boolean;
  /** Where the walk begins. */
  readonly asked: Asked;
  /** By the numbers of their schemas: places with the same ones are one. */
  readonly places: Map<string, Place>;
  readonly numbers: Map<Schema, number>;
}

/** The schemas that a place is asked by; what applies beside them may depend on the value. */
interface Asked {
  readonly schemas: readonly Schema[];
  /** The place, where it is the same for all values. */
  fixed?: Place;
}

// A matrix checks the same schema a hundred thousand times: what does not depend on the value is worked out once.
const walks = new WeakMap<Schema, Map<boolean, Walk>>();

function walkOf(root: Schema, branches: boolean): Walk {
  const known = walks.get(root) ?? new Map<boolean, Walk>();
  walks.set(root, known);
  const walk = known.get(branches) ?? {
    root,
    branches,
    asked: { schemas: [root] },
    places: new Map(),
    numbers: new Map(),
  };
  known.set(branches, walk);
  return walk;
}

function placeOfAsked(asked: Asked, value: unknown, walk: Walk): Place {
  if (asked.fixed !== undefined) return asked.fixed;
  const here = new Set<Schema>();
  let open = false;
  for (const schema of asked.schemas) if (gather(schema, value, walk, here)) open = true;
  const place = placeWith([...here], walk);
  if (!open) asked.fixed = place;
  return place;
}

function placeWith(schemas: readonly Schema[], walk: Walk): Place {
  const id = schemas.map((schema) => numberOf(schema, walk.numbers)).join(' ');
  const place = walk.places.get(id) ?? makePlace(schemas, walk);
  walk.places.set(id, place);
  return place;
}

function numberOf(schema: Schema, numbers: Map<Schema, number>): number {
  const number = numbers.get(schema) ?? numbers.size;
  numbers.set(schema, number);
  return number;
}

function makePlace(schemas: readonly Schema[], walk: Walk): Place {
  const named = new Set(schemas.flatMap(({ properties }) => (isSchema(properties) ? Object.keys(properties) : [])));
  const keys = new Map<string, Asked>();
  const items: Asked[] = [];
  const tuple = Math.max(0, ...schemas.map(({ prefixItems }) => (Array.isArray(prefixItems) ? prefixItems.length : 0)));
  return {
    schemas,
    key: (name, child) => {
      const asked = keys.get(name) ?? { schemas: schemasOfKey(schemas, name) };
      // Keys that the schemas do not name are without number.
      if (named.has(name)) keys.set(name, asked);
      return placeOfAsked(asked, child, walk);
    },
    item: (at, child) => {
      const known = Math.min(at, tuple);
      items[known] ??= { schemas: schemasOfItem(schemas, known) };
      return placeOfAsked(items[known], child, walk);
    },
  };
}

/** Adds the schema and all that apply beside it at the same place. Gives whether these depend on the value. */
function gather(schema: Schema, value: unknown, walk: Walk, here: Set<Schema>): boolean {
  if (here.has(schema)) return false;
  here.add(schema);
  let open = false;
  const add = (part: unknown): void => {
    if (isSchema(part) && gather(part, value, walk, here)) open = true;
  };
  if (typeof schema.$ref === 'string') add(referenced(schema.$ref, walk.root));
  for (const part of list(schema.allOf)) add(part);
  if (!walk.branches) return open;
  const branches = [...list(schema.oneOf), ...list(schema.anyOf)];
  for (const part of branches) if (fits(part, walk.root, value)) add(part);
  if (isSchema(schema.if)) add(fits(schema.if, walk.root, value) ? schema.then : schema.else);
  const dependent = isSchema(schema.dependentSchemas) ? Object.entries(schema.dependentSchemas) : [];
  for (const [name, part] of dependent) if (isSchema(value) && Object.hasOwn(value, name)) add(part);
  return open || branches.length > 0 || schema.if !== undefined || dependent.length > 0;
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

const stated = new WeakMap<Schema, Map<string, unknown>>();

/** What a schema, or else what it refers to and always combines with, has under a keyword. */
export function statedBy(schema: Schema, root: Schema, keyword: string): unknown {
  const known = stated.get(schema) ?? new Map<string, unknown>();
  stated.set(schema, known);
  if (!known.has(keyword)) {
    const here = new Set<Schema>();
    gather(schema, undefined, walkOf(root, false), here);
    known.set(keyword, [...here].find((one) => one[keyword] !== undefined)?.[keyword]);
  }
  return known.get(keyword);
}

const defaults = new WeakMap<readonly Schema[], readonly (readonly [string, unknown])[]>();

/** Key → default, for the keys of this map that have one. */
export function defaultsOf({ schemas }: Place, root: Schema): readonly (readonly [string, unknown])[] {
  const known = defaults.get(schemas);
  if (known !== undefined) return known;
  const found = schemas.flatMap(({ properties }) =>
    isSchema(properties)
      ? Object.entries(properties).flatMap(([name, part]) => {
          const value = isSchema(part) ? statedBy(part, root, 'default') : undefined;
          return value === undefined ? [] : [[name, value] as const];
        })
      : [],
  );
  defaults.set(schemas, found);
  return found;
}
