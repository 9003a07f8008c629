import type { JsonObject, JsonValue } from '@sonde/base';
import type { ConfigSchema } from '@sonde/pipeline';
import {
  type InputArtifact,
  isInputArtifact,
  type Provider,
  type RunConfig,
  type RunValue,
  type StepKind,
} from '../step.ts';

export interface FingerprintParts {
  readonly kind: StepKind;
  /** After defaults; of its artifacts only digest and axes count. */
  readonly config: RunConfig;
  /** Who computes it. */
  readonly provider: Provider;
  /** For kinds with `describesPipeline`. */
  readonly pipeline?: { readonly name: string; readonly description: string };
  /** A shard's identity: it stands in place of the inputs that the kind divides. */
  readonly shard?: JsonValue;
}

/**
 * Everything that decides a task's bytes, as readable JSON: kind, revision, config (each input as the digest of its
 * content), runtime, shard. Not in it: step names, paths, resources, and config values whose schema says
 * `fingerprint: false`. Its digest is the task's key.
 */
export function fingerprintOf({ kind, config, provider, pipeline, shard }: FingerprintParts): JsonObject {
  const runtime = kind.runtime?.(config, provider);
  const divided = shard === undefined ? [] : (kind.division?.inputs ?? []);
  const counted = Object.fromEntries(Object.entries(config).filter(([name]) => !divided.includes(name)));
  const schemas = omitsFields(kind.config) ? alternatives(kind.config, kind.config) : [];
  return {
    sonde: 1,
    kind: kind.kind,
    revision: kind.revision,
    config: fingerprintValue(counted, schemas, kind.config),
    ...(runtime === undefined ? {} : { runtime }),
    ...(pipeline === undefined ? {} : { pipeline: { name: pipeline.name, description: pipeline.description } }),
    ...(shard === undefined ? {} : { shard }),
  };
}

function fingerprintValue(value: RunValue, schemas: readonly ConfigSchema[], root: ConfigSchema): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (isInputArtifact(value)) return inputField(value);
  if (Array.isArray(value)) {
    return value.map((item: RunValue, index) => fingerprintValue(item, itemSchemas(schemas, index, root), root));
  }
  const fields: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    const own = memberSchemas(schemas, name, root);
    if (!own.some((schema) => schema.fingerprint === false)) fields[name] = fingerprintValue(member, own, root);
  }
  return fields;
}

function inputField(artifact: InputArtifact): JsonObject {
  return Object.keys(artifact.axes).length === 0
    ? { input: artifact.digest }
    : { input: artifact.digest, axes: artifact.axes };
}

const omitting = new WeakMap<ConfigSchema, boolean>();

/** Whether the schema leaves anything out at all: most do not, and then no schema need be followed. */
function omitsFields(schema: ConfigSchema): boolean {
  const known = omitting.get(schema);
  if (known !== undefined) return known;
  const omits = JSON.stringify(schema).includes('"fingerprint":false');
  omitting.set(schema, omits);
  return omits;
}

function isSchema(value: unknown): value is ConfigSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function schemasIn(value: unknown): readonly ConfigSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** The schema and all that apply at the same place: `allOf`, `anyOf`, `oneOf`, `if`/`then`/`else`, local `$ref`. */
function alternatives(schema: ConfigSchema, root: ConfigSchema, seen = new Set<ConfigSchema>()): ConfigSchema[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const beside = [
    ...schemasIn(schema.allOf),
    ...schemasIn(schema.anyOf),
    ...schemasIn(schema.oneOf),
    ...[schema.if, schema.then, schema.else].filter(isSchema),
    ...referenced(schema.$ref, root),
  ];
  return [schema, ...beside.flatMap((other) => alternatives(other, root, seen))];
}

function referenced(ref: unknown, root: ConfigSchema): readonly ConfigSchema[] {
  if (typeof ref !== 'string' || !ref.startsWith('#')) return [];
  let place: unknown = root;
  for (const part of ref.split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    place = isSchema(place) ? place[name] : undefined;
  }
  return isSchema(place) ? [place] : [];
}

function memberSchemas(schemas: readonly ConfigSchema[], name: string, root: ConfigSchema): readonly ConfigSchema[] {
  return schemas.flatMap((schema) => {
    const own = schema.properties?.[name] ?? schema.additionalProperties;
    return isSchema(own) ? alternatives(own, root) : [];
  });
}

function itemSchemas(schemas: readonly ConfigSchema[], index: number, root: ConfigSchema): readonly ConfigSchema[] {
  return schemas.flatMap((schema) => {
    const own = schemasIn(schema.prefixItems)[index] ?? schema.items;
    return isSchema(own) ? alternatives(own, root) : [];
  });
}
