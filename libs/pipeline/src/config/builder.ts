import type { JsonValue } from '@sonde/base';
import type { ArtifactType } from '../artifact-type.ts';
import type { ConfigSchema } from '../step-kind.ts';
import type { InputArtifact } from './input-artifact.ts';

// Each function gives a plain JSON Schema, and beside it, for TypeScript alone, the type of the values that pass it.

// Whether a key may be absent is no keyword of its own schema (`required` of the map that has it says so): a symbol, which
// JSON does not show.
const PRESENCE = Symbol('presence');

/** Whether the key of a map is there when a step runs: it must be given, its default is filled in, or it may be absent. */
type Presence = 'required' | 'defaulted' | 'optional';

/** A schema whose values have the type `Value`. */
export interface Field<Value, P extends Presence = 'required'> extends ConfigSchema<Value> {
  readonly [PRESENCE]?: P;
}

/** The type of the values that pass a schema, after defaults and with every input at its path. */
export type ConfigOf<Schema> = Schema extends ConfigSchema<infer Value> ? Value : never;

interface Options {
  readonly description?: string;
  /** `false`: changes how, not what, is computed; left out of the fingerprint. */
  readonly fingerprint?: false;
}

interface TextOptions extends Options {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

interface NumberOptions extends Options {
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
}

interface ListOptions extends Options {
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
}

interface MapOptions extends Options {
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

interface ObjectOptions extends Options {
  /** Keys that the language has and this version does not do. */
  readonly later?: readonly string[];
}

interface Default<Value> {
  readonly default: Value;
}

export function text(options: TextOptions & Default<string>): Field<string, 'defaulted'>;
export function text(options?: TextOptions): Field<string>;
export function text(options: TextOptions = {}): Field<string, Presence> {
  return { type: 'string', ...options };
}

export function integer(options: NumberOptions & Default<number>): Field<number, 'defaulted'>;
export function integer(options?: NumberOptions): Field<number>;
export function integer(options: NumberOptions = {}): Field<number, Presence> {
  return { type: 'integer', ...options };
}

export function number(options: NumberOptions & Default<number>): Field<number, 'defaulted'>;
export function number(options?: NumberOptions): Field<number>;
export function number(options: NumberOptions = {}): Field<number, Presence> {
  return { type: 'number', ...options };
}

export function boolean(options: Options & Default<boolean>): Field<boolean, 'defaulted'>;
export function boolean(options?: Options): Field<boolean>;
export function boolean(options: Options = {}): Field<boolean, Presence> {
  return { type: 'boolean', ...options };
}

/** One of these words. */
export function words<const Word extends string>(
  allowed: readonly Word[],
  options: Options & Default<NoInfer<Word>>,
): Field<Word, 'defaulted'>;
export function words<const Word extends string>(allowed: readonly Word[], options?: Options): Field<Word>;
export function words<const Word extends string>(
  allowed: readonly Word[],
  options: Options = {},
): Field<Word, Presence> {
  return { enum: allowed, ...options };
}

/** This value and no other: a word beside lists or numbers in `oneOf`. */
export function constant<const Value extends string | number | boolean>(value: Value): Field<Value> {
  return { const: value };
}

/** Any JSON. */
export function anything(options: Options = {}): Field<JsonValue> {
  return { ...options };
}

export function list<Item>(
  items: ConfigSchema<Item>,
  options: ListOptions & Default<readonly NoInfer<Item>[]>,
): Field<readonly Item[], 'defaulted'>;
export function list<Item>(items: ConfigSchema<Item>, options?: ListOptions): Field<readonly Item[]>;
export function list<Item>(items: ConfigSchema<Item>, options: ListOptions = {}): Field<readonly Item[], Presence> {
  return { type: 'array', items, ...options };
}

/** Names of the writer's own, each with such a value. @param names a pattern that they must have */
export function map<Value>(
  values: ConfigSchema<Value>,
  options: MapOptions & { readonly names?: string } & Default<Readonly<Record<string, NoInfer<Value>>>>,
): Field<Readonly<Record<string, Value>>, 'defaulted'>;
export function map<Value>(
  values: ConfigSchema<Value>,
  options?: MapOptions & { readonly names?: string },
): Field<Readonly<Record<string, Value>>>;
export function map<Value>(
  values: ConfigSchema<Value>,
  { names, ...options }: MapOptions & { readonly names?: string } = {},
): Field<Readonly<Record<string, Value>>, Presence> {
  return {
    type: 'object',
    ...(names !== undefined && { propertyNames: { pattern: names } }),
    additionalProperties: values,
    ...options,
  };
}

type Properties = Readonly<Record<string, ConfigSchema>>;
type PresenceOf<Schema> = Schema extends { readonly [PRESENCE]?: infer P } ? P : never;
type OptionalKey<P extends Properties> = {
  [Key in keyof P]: PresenceOf<P[Key]> extends 'optional' ? Key : never;
}[keyof P];
type ObjectOf<P extends Properties> = {
  readonly [Key in Exclude<keyof P, OptionalKey<P>>]: ConfigOf<P[Key]>;
} & { readonly [Key in OptionalKey<P>]?: ConfigOf<P[Key]> };

/** A map of these keys and no others. A key is required unless it has a default or is `optional`. */
export function object<P extends Properties>(
  properties: P,
  options: ObjectOptions & Default<Readonly<Record<string, JsonValue>>>,
): Field<ObjectOf<P>, 'defaulted'>;
export function object<P extends Properties>(properties: P, options?: ObjectOptions): Field<ObjectOf<P>>;
export function object<P extends Properties>(properties: P, options: ObjectOptions = {}): Field<ObjectOf<P>, Presence> {
  const required = Object.keys(properties).filter((name) => {
    const property = properties[name]!;
    return property.default === undefined && (property as Field<unknown, Presence>)[PRESENCE] !== 'optional';
  });
  return { type: 'object', properties, required, additionalProperties: false, ...options };
}

/** What one of these schemas takes. */
export function oneOf<Schemas extends readonly ConfigSchema[]>(
  schemas: Schemas,
  options: Options & Default<NoInfer<ConfigOf<Schemas[number]>>>,
): Field<ConfigOf<Schemas[number]>, 'defaulted'>;
export function oneOf<Schemas extends readonly ConfigSchema[]>(
  schemas: Schemas,
  options?: Options,
): Field<ConfigOf<Schemas[number]>>;
export function oneOf<Schemas extends readonly ConfigSchema[]>(
  schemas: Schemas,
  options: Options = {},
): Field<ConfigOf<Schemas[number]>, Presence> {
  return { oneOf: schemas, ...options };
}

interface ArtifactOptions extends Options {
  /** The key beside this one that may hold the revision: `{ ref: embedded:a, revision: b }` is `embedded:a@b`. */
  readonly revision?: string;
}

/** A place for one artifact of one of these types: a step's output, a path or other data. */
export function artifact(
  types: ArtifactType | readonly ArtifactType[],
  { revision, ...options }: ArtifactOptions = {},
): Field<InputArtifact> {
  return { ...options, artifact: { types: listOf(types), ...(revision !== undefined && { revision }) } };
}

/** A place for a list of artifacts: what a reference that collects axes gives. */
export function artifacts(
  types: ArtifactType | readonly ArtifactType[],
  options: Options = {},
): Field<readonly InputArtifact[]> {
  return { ...options, artifact: { types: listOf(types), many: true } };
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value;
}

/** A key that may be absent. @param implied what that means, where it is one value whatever else the config says */
export function optional<Value>(schema: ConfigSchema<Value>, implied?: NoInfer<Value>): Field<Value, 'optional'> {
  return { ...schema, ...(implied !== undefined && { implied }), [PRESENCE]: 'optional' };
}
