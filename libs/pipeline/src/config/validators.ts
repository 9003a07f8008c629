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
// reading a pipeline. Defaults are applied by defaults.ts and artifact-places.ts, in the branches of `oneOf` too.
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
ajv.addKeyword({ keyword: 'implied' });
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
