import type { AnySchemaObject, ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ArtifactPlace } from '../step-kind.ts';
import { type ArtifactIssue, artifactIssues } from './artifact.ts';

/** A (part of a) step kind's config schema. */
export type Schema = Readonly<Record<string, unknown>>;

interface KeywordFunction {
  (place: ArtifactPlace, data: unknown, parent?: AnySchemaObject, context?: { readonly instancePath: string }): boolean;
  errors?: Partial<ErrorObject>[];
}

const checkArtifact: KeywordFunction = (place, data, _parent, context) => {
  const issues = artifactIssues(place, data);
  checkArtifact.errors = issues.map((issue) => ({
    keyword: 'artifact',
    params: { issue },
    ...(issue.item === undefined ? {} : { instancePath: `${context?.instancePath ?? ''}/${issue.item}` }),
  }));
  return issues.length === 0;
};

export function issueOf(error: ErrorObject): ArtifactIssue {
  return (error.params as { issue: ArtifactIssue }).issue;
}

// The kinds' schemas are ours and tested against the meta-schema; checking them at each start would cost more than
// reading a pipeline. Defaults are applied by defaults.ts, which knows the branches of `oneOf` too.
const ajv = new Ajv2020({
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allErrors: true,
  verbose: true,
  messages: false,
  validateSchema: false,
  meta: false,
});
ajv.addKeyword({ keyword: 'artifact', schemaType: 'object', errors: 'full', validate: checkArtifact });
ajv.addKeyword({ keyword: 'fingerprint', schemaType: 'boolean' });
ajv.addKeyword({ keyword: 'later', schemaType: 'array' });

const compiled = new WeakMap<object, ValidateFunction>();

/** The compiled validator of `schema`, which is `root` or a part of it (for its `$defs`). Compiled on first use. */
export function validatorOf(schema: Schema, root: Schema): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const whole = schema === root || root.$defs === undefined ? schema : { $defs: root.$defs, ...schema };
  const validate = ajv.compile(whole);
  compiled.set(schema, validate);
  return validate;
}

export function isValid(schema: Schema, root: Schema, value: unknown): boolean {
  return validatorOf(schema, root)(value) === true;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Follows a local `$ref` (`#/$defs/layers`). */
export function resolveRef(schema: Schema, root: Schema): Schema {
  let at = schema;
  for (let hops = 0; typeof at.$ref === 'string' && hops < 16; hops++) {
    let target: unknown = root;
    for (const part of at.$ref.replace(/^#\/?/, '').split('/').filter(Boolean)) {
      target =
        isSchema(target) || Array.isArray(target)
          ? (target as Record<string, unknown>)[part.replaceAll('~1', '/').replaceAll('~0', '~')]
          : undefined;
    }
    if (!isSchema(target)) throw new Error(`the config schema has no ${at.$ref}`);
    const { $ref: _, ...beside } = at;
    at = Object.keys(beside).length === 0 ? target : { ...target, ...beside };
  }
  return at;
}

function list(value: unknown): readonly Schema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/**
 * The schemas that say something about `value`: this one, those of `allOf`, and, with `branches`, those of `oneOf`,
 * `anyOf` and `if` that the value satisfies.
 */
export function applicable(schema: Schema, root: Schema, value: unknown, branches: boolean): readonly Schema[] {
  const here = resolveRef(schema, root);
  const found: Schema[] = [here];
  for (const part of list(here.allOf)) found.push(...applicable(part, root, value, branches));
  if (!branches) return found;
  for (const part of [...list(here.oneOf), ...list(here.anyOf)]) {
    if (isValid(part, root, value)) found.push(...applicable(part, root, value, branches));
  }
  if (isSchema(here.if)) {
    const next = isValid(here.if, root, value) ? here.then : here.else;
    if (isSchema(next)) found.push(...applicable(next, root, value, branches));
  }
  return found;
}

/** The schemas for a key of a map. */
export function schemasOfKey(schemas: readonly Schema[], key: string): readonly Schema[] {
  return schemas.flatMap((schema) => {
    const found: Schema[] = [];
    const { properties, patternProperties, additionalProperties } = schema;
    const named = isSchema(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (isSchema(named)) found.push(named);
    if (isSchema(patternProperties)) {
      for (const [pattern, part] of Object.entries(patternProperties)) {
        if (isSchema(part) && new RegExp(pattern, 'u').test(key)) found.push(part);
      }
    }
    if (found.length === 0 && named === undefined && isSchema(additionalProperties)) found.push(additionalProperties);
    return found;
  });
}

/** The schemas for an item of a list. */
export function schemasOfItem(schemas: readonly Schema[], at: number): readonly Schema[] {
  return schemas.flatMap((schema) => {
    const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems[at] : undefined;
    const item = prefix ?? schema.items;
    return isSchema(item) ? [item] : [];
  });
}

/** Property name → its schema, for those that have a default. */
export function defaultsOf(schema: Schema, root: Schema): readonly (readonly [string, unknown])[] {
  return isSchema(schema.properties)
    ? Object.entries(schema.properties).flatMap(([name, part]) => {
        const value = isSchema(part) ? resolveRef(part, root).default : undefined;
        return value === undefined ? [] : [[name, value] as const];
      })
    : [];
}
