import type { JsonObject, JsonValue } from '@sonde/base';
import { describeTypes } from '../config/artifact.ts';
import type { ArtifactPlace, StepKinds } from '../step-kind.ts';

const EXPRESSION: JsonObject = {
  type: 'string',
  pattern: '\\$\\{\\{.*\\}\\}',
  description: 'An expression: ${{ params.… }}, ${{ matrix.… }} or ${{ steps.….outputs.… }}.',
};
const NAME_PATTERN = '^[a-z][a-z0-9_-]*$';
const DURATION: JsonObject = { type: 'string', pattern: '^(\\d+(\\.\\d+)?[smhd])+$' };
const LISTS_OF_SCHEMAS = ['oneOf', 'anyOf', 'allOf', 'prefixItems'];
const MAPS_OF_SCHEMAS = ['properties', 'patternProperties'];
const SINGLE_SCHEMAS = ['items', 'additionalProperties', 'unevaluatedProperties', 'contains'];

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
    for (const [name, schema] of Object.entries((spec.config.$defs as object | undefined) ?? {})) {
      defs[`${prefix}.${name}`] = convert(schema, prefix);
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
      timeout: orExpression({
        ...DURATION,
        description: 'A task that takes longer is stopped and fails; for example 30m.',
      }),
    },
    allOf: branches,
  };
}

/** A kind's schema without Sonde's own keywords, with expressions allowed. */
function convert(schema: unknown, prefix: string): JsonValue {
  if (!isObject(schema)) return schema as JsonValue;
  const { artifact, fingerprint: _fingerprint, later: _later, $defs: _defs, ...plain } = schema;
  const found: Record<string, JsonValue> = {};
  for (const [keyword, value] of Object.entries(plain)) {
    if (keyword === '$ref' && typeof value === 'string')
      found.$ref = `#/$defs/${prefix}.${value.replace('#/$defs/', '')}`;
    // With expressions in them, several branches may fit.
    else if (keyword === 'oneOf' && found.anyOf === undefined && plain.anyOf === undefined)
      found.anyOf = convertList(value, prefix);
    else if (LISTS_OF_SCHEMAS.includes(keyword)) found[keyword] = convertList(value, prefix);
    else if (MAPS_OF_SCHEMAS.includes(keyword) && isObject(value)) {
      found[keyword] = Object.fromEntries(
        Object.entries(value).map(([key, part]) => [key, orExpression(convert(part, prefix))]),
      );
    } else if (SINGLE_SCHEMAS.includes(keyword))
      found[keyword] = isObject(value) ? orExpression(convert(value, prefix)) : (value as JsonValue);
    else if (['if', 'then', 'else', 'not', 'propertyNames'].includes(keyword)) found[keyword] = convert(value, prefix);
    else found[keyword] = value as JsonValue;
  }
  return artifact === undefined ? found : { ...found, ...artifactSchema(artifact as ArtifactPlace, found) };
}

function convertList(value: unknown, prefix: string): JsonValue {
  return Array.isArray(value) ? value.map((part) => convert(part, prefix)) : [];
}

function artifactSchema(place: ArtifactPlace, schema: Readonly<Record<string, JsonValue>>): JsonObject {
  const takes = `Takes ${describeTypes(place.types)}: a step's output, a path, embedded:name, hf:owner/name@revision or https://…#sha256=….`;
  const description = schema.description === undefined ? takes : `${String(schema.description)} ${takes}`;
  const one: JsonObject = { type: 'string' };
  return place.many === true
    ? { description, anyOf: [one, { type: 'array', items: one, minItems: 1 }] }
    : { description, ...one };
}
