import type { JsonObject, JsonValue } from '@sonde/base';
import { describeTypes } from '../config/artifact.ts';
import { SCHEMA_KEYWORDS, type SchemaKeyword } from '../config/schema-walk.ts';
import type { ArtifactPlace, StepKinds } from '../step-kind.ts';

const EXPRESSION: JsonObject = {
  type: 'string',
  pattern: '\\$\\{\\{.*\\}\\}',
  description: 'An expression: ${{ params.… }}, ${{ matrix.… }} or ${{ steps.….outputs.… }}.',
};
/** Sonde's own keywords, and the parts of a kind's schema that move to the top. */
const OWN_KEYWORDS: readonly string[] = ['artifact', 'fingerprint', 'implied', 'later', '$defs'];
/** Beside each definition, for questions: the same without expressions. */
const STRICT = '.strict';
const NAME_PATTERN = '^[a-z][a-z0-9_-]*$';
const FACTOR: JsonObject = { type: 'string', pattern: '^x\\d+(\\.\\d+)?$' };
const DURATION: JsonObject = { type: 'string', pattern: '^(\\d+(\\.\\d+)?[smhd])+$' };
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function orExpression(schema: JsonValue): JsonValue {
  if (!isObject(schema)) return schema;
  const { description, title, default: fallback, ...rest } = schema as JsonObject;
  const said = {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
  };
  return { ...said, anyOf: [rest, { $ref: '#/$defs/expression' }] };
}

/**
 * The JSON Schema (draft 2020-12) of pipeline files, for editors: what stands under `with:` is checked by what the step
 * uses. Wherever a value can stand, an expression can.
 */
export function pipelineSchema(kinds: StepKinds): JsonObject {
  const defs: Record<string, JsonValue> = { expression: EXPRESSION };
  const uses: JsonValue[] = [];
  const branches: JsonValue[] = [];
  for (const spec of kinds.values()) {
    const prefix = spec.kind.replaceAll('/', '.');
    const asks = /"(?:if|not|contains|propertyNames)":/.test(JSON.stringify(spec.config));
    for (const [name, schema] of Object.entries((spec.config.$defs as object | undefined) ?? {})) {
      defs[`${prefix}.${name}`] = convert(schema, prefix);
      if (asks) defs[`${prefix}${STRICT}.${name}`] = strictly(schema, prefix);
    }
    defs[prefix] = convert(spec.config, prefix);
    uses.push({ const: spec.kind, description: spec.summary });
    const needsWith = Array.isArray(spec.config.required) && spec.config.required.length > 0;
    branches.push({
      if: { type: 'object', properties: { uses: { const: spec.kind } }, required: ['uses'] },
      // biome-ignore lint/suspicious/noThenProperty: the keyword's name in JSON Schema
      then: { properties: { with: { $ref: `#/$defs/${prefix}` } }, ...(needsWith ? { required: ['with'] } : {}) },
    });
  }
  uses.push({
    type: 'string',
    pattern: '^(\\.{1,2}/|/)',
    description: 'The path of a pipeline file to run as a step.',
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sonde pipeline',
    type: 'object',
    required: ['sonde', 'name', 'steps'],
    additionalProperties: false,
    properties: {
      sonde: { const: 1, description: 'The version of the pipeline language.' },
      name: { type: 'string', pattern: NAME_PATTERN, description: 'Results go into results/<name>/.' },
      description: { type: 'string', description: 'What the pipeline is for; shown in reports.' },
      params: {
        type: ['object', 'null'],
        description: 'Parameters and their defaults, for ${{ params.… }} and --set. A null default must be set.',
        propertyNames: { pattern: NAME_PATTERN },
      },
      steps: {
        type: 'object',
        description: 'Step id → what the step does.',
        minProperties: 1,
        propertyNames: { pattern: NAME_PATTERN },
        additionalProperties: stepSchema(uses, branches),
      },
      outputs: {
        type: ['object', 'null'],
        description: 'Results that are kept under a name, each a ${{ steps.<id>.outputs.<name> }}.',
        propertyNames: { pattern: NAME_PATTERN },
        additionalProperties: { $ref: '#/$defs/expression' },
      },
    },
    $defs: defs,
  };
}

function stepSchema(uses: readonly JsonValue[], branches: readonly JsonValue[]): JsonObject {
  return {
    type: 'object',
    required: ['uses'],
    additionalProperties: false,
    properties: {
      uses: { description: 'The step kind, or the path of a pipeline file.', anyOf: uses },
      description: { type: 'string' },
      with: { type: ['object', 'null'], description: "The step's settings and inputs." },
      matrix: {
        description: 'Axes: a list of values each; the step runs once for each combination.',
        anyOf: [
          {
            type: 'object',
            properties: {
              include: orExpression({
                type: 'array',
                items: { type: 'object' },
                description: 'Combinations to add, or values to add to those that match.',
              }),
              exclude: orExpression({
                type: 'array',
                items: { type: 'object' },
                description: 'Combinations to leave out; each entry matches partially.',
              }),
            },
            propertyNames: { pattern: NAME_PATTERN },
            additionalProperties: orExpression({ type: 'array', minItems: 1 }),
          },
          { $ref: '#/$defs/expression' },
        ],
      },
      needs: {
        description: 'Steps that must be done before, where no reference says so.',
        anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      },
      resources: {
        type: 'object',
        description: 'What the step needs of the machine; not part of the fingerprint.',
        additionalProperties: false,
        properties: {
          device: orExpression({ enum: ['gpu', 'cpu', 'any'] }),
          gpus: orExpression({
            type: 'integer',
            minimum: 1,
            description: 'Devices that a task takes at once where it computes on GPUs.',
          }),
          memory: orExpression({
            type: 'string',
            pattern: '^\\d+(\\.\\d+)?\\s*(B|[kKMGT]B|[KMGT]iB)$',
            description: 'For example 20GiB.',
          }),
          cpus: orExpression({ type: 'integer', minimum: 1 }),
          time: orExpression({ ...DURATION, description: 'For example 2h.' }),
        },
      },
      retries: orExpression({
        type: 'integer',
        minimum: 0,
        maximum: 100,
        description: 'How often a failed task is tried again.',
      }),
      on_failure: {
        type: 'object',
        description: 'What a task is given more of when it is tried again after it lacked it.',
        additionalProperties: false,
        properties: {
          memory: orExpression({ ...FACTOR, description: 'After it ran out of memory, for example x2.' }),
          time: orExpression({ ...FACTOR, description: 'After it ran out of time, for example x2.' }),
        },
      },
      timeout: orExpression({
        ...DURATION,
        description: 'A task that takes longer is stopped and fails; for example 30m.',
      }),
    },
    allOf: branches,
  };
}

/** A kind's schema without Sonde's own keywords, with an expression allowed wherever a value can stand. */
function convert(schema: unknown, prefix: string): JsonValue {
  if (!isObject(schema)) return schema as JsonValue;
  const found: Record<string, JsonValue> = {};
  const beside: JsonValue[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const known = SCHEMA_KEYWORDS[keyword];
    if (keyword === 'implied') found.default = value as JsonValue;
    if (OWN_KEYWORDS.includes(keyword)) continue;
    if (keyword === '$ref') found.$ref = refIn(prefix, String(value));
    // With expressions in them, several branches may fit.
    else if (keyword === 'oneOf') beside.push({ anyOf: convertList(value, prefix) });
    else if (keyword === 'if') beside.push(condition(schema, prefix));
    else if (keyword === 'then' || keyword === 'else') continue;
    else if (known === undefined) found[keyword] = value as JsonValue;
    else found[keyword] = convertParts(value, known, prefix);
  }
  const [only] = beside;
  if (beside.length === 1 && isObject(only) && found.anyOf === undefined) Object.assign(found, only);
  else if (beside.length > 0) found.allOf = [...((found.allOf as readonly JsonValue[] | undefined) ?? []), ...beside];
  const { artifact } = schema;
  return artifact === undefined ? found : { ...found, ...artifactSchema(artifact as ArtifactPlace, found) };
}

function convertParts(value: unknown, { about, holds }: SchemaKeyword, prefix: string): JsonValue {
  const part = (schema: unknown): JsonValue =>
    about === 'question'
      ? strictly(schema, prefix)
      : about === 'inside'
        ? orExpression(convert(schema, prefix))
        : convert(schema, prefix);
  if (holds === 'list' && Array.isArray(value)) return value.map(part);
  if (holds === 'map' && isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, part(one)]));
  return part(value);
}

function convertList(value: unknown, prefix: string): readonly JsonValue[] {
  return Array.isArray(value) ? value.map((part) => convert(part, prefix)) : [];
}

/** `if`, `then` and `else`. Where an expression leaves open whether the condition holds, either will do. */
function condition(schema: Readonly<Record<string, unknown>>, prefix: string): JsonValue {
  const yes = [convert(schema.if, prefix), ...(schema.then === undefined ? [] : [convert(schema.then, prefix)])];
  const no = [
    { not: strictly(schema.if, prefix) },
    ...(schema.else === undefined ? [] : [convert(schema.else, prefix)]),
  ];
  return { anyOf: [{ allOf: yes }, { allOf: no }] };
}

/** A schema that is a question (`not`, `if`): an expression is no answer to it. */
function strictly(schema: unknown, prefix: string): JsonValue {
  if (Array.isArray(schema)) return schema.map((part) => strictly(part, prefix));
  if (!isObject(schema)) return schema as JsonValue;
  return Object.fromEntries(
    Object.entries(schema).flatMap(([keyword, value]) => {
      if (OWN_KEYWORDS.includes(keyword)) return [];
      if (keyword === '$ref') return [[keyword, refIn(`${prefix}${STRICT}`, String(value))]];
      const known = SCHEMA_KEYWORDS[keyword];
      if (known === undefined) return [[keyword, value as JsonValue]];
      if (known.holds !== 'map' || !isObject(value)) return [[keyword, strictly(value, prefix)]];
      return [
        [keyword, Object.fromEntries(Object.entries(value).map(([name, part]) => [name, strictly(part, prefix)]))],
      ];
    }),
  );
}

function refIn(prefix: string, ref: string): string {
  return `#/$defs/${prefix}.${ref.replace('#/$defs/', '')}`;
}

function artifactSchema(place: ArtifactPlace, schema: Readonly<Record<string, JsonValue>>): JsonObject {
  const takes = `Takes ${describeTypes(place.types)}: a step's output, a path, embedded:name, hf:owner/name@revision or https://…#sha256=….`;
  const description = schema.description === undefined ? takes : `${String(schema.description)} ${takes}`;
  const one: JsonObject = { type: 'string' };
  return place.many === true
    ? { description, anyOf: [one, { type: 'array', items: one, minItems: 1 }] }
    : { description, ...one };
}
