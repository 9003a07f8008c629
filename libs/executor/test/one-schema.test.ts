import { type ConfigSchema, loadPipelineText, pipelineSchema } from '@sonde/pipeline';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, type RunConfig, type StepKind } from '../src/index.ts';

const hidden: ConfigSchema = { type: 'integer', fingerprint: false };
const counted: ConfigSchema = { type: 'integer' };

/** For each form of schema: values, and what of them is counted. `false` where the schema refuses the value. */
const CASES: readonly {
  readonly form: string;
  readonly schema: ConfigSchema;
  readonly values: readonly (readonly [given: RunConfig[string], counted: unknown])[];
}[] = [
  {
    form: 'patternProperties',
    schema: { type: 'object', patternProperties: { '^n_': hidden, '^k_': counted }, additionalProperties: false },
    values: [
      [{ n_a: 1, k_a: 2 }, { k_a: 2 }],
      [{ other: 1 }, false],
      [{ n_a: 'x' }, false],
    ],
  },
  {
    form: 'additionalProperties beside patternProperties',
    schema: { type: 'object', patternProperties: { '^k_': counted }, additionalProperties: hidden },
    values: [[{ k_a: 1, n: 2 }, { k_a: 1 }]],
  },
  {
    form: 'branches at one value',
    schema: { oneOf: [hidden, { enum: ['all'] }] },
    values: [
      [3, undefined],
      ['all', 'all'],
      [true, false],
    ],
  },
  {
    form: 'branches of maps',
    schema: {
      anyOf: [
        {
          type: 'object',
          required: ['fast'],
          properties: { fast: { const: true }, size: hidden },
          additionalProperties: false,
        },
        { type: 'object', required: ['exact'], properties: { exact: {}, size: counted }, additionalProperties: false },
      ],
    },
    values: [
      [{ fast: true, size: 1 }, { fast: true }],
      [
        { exact: 1, size: 1 },
        { exact: 1, size: 1 },
      ],
      [{ size: 1 }, false],
    ],
  },
  {
    form: 'if, then, else',
    schema: {
      type: 'object',
      properties: { kind: { enum: ['a', 'b'] }, size: {} },
      required: ['kind'],
      additionalProperties: false,
      if: { properties: { kind: { const: 'a' } } },
      // biome-ignore lint/suspicious/noThenProperty: the keyword's name in JSON Schema
      then: { properties: { size: hidden } },
      else: { properties: { size: { type: 'string' } } },
    },
    values: [
      [{ kind: 'a', size: 1 }, { kind: 'a' }],
      [
        { kind: 'b', size: 'x' },
        { kind: 'b', size: 'x' },
      ],
      [{ kind: 'b', size: 1 }, false],
    ],
  },
  {
    form: 'prefixItems and items',
    schema: { type: 'array', prefixItems: [{ type: 'object', properties: { n: hidden } }], items: { type: 'object' } },
    values: [
      [
        [{ n: 1 }, { n: 1 }],
        [{}, { n: 1 }],
      ],
      [[{ n: 'x' }], false],
    ],
  },
  {
    form: 'a $ref beside allOf',
    schema: { type: 'object', $ref: '#/$defs/sized', allOf: [{ properties: { other: hidden } }] },
    values: [[{ size: 1, other: 2, more: 3 }, { more: 3 }]],
  },
];

function kindOf(schema: ConfigSchema): StepKind {
  return {
    kind: 'test/kind',
    revision: 1,
    summary: '',
    config: {
      type: 'object',
      $defs: { sized: { properties: { size: hidden } } },
      properties: { value: schema },
      additionalProperties: false,
    },
    outputs: {},
    load: async () => ({ run: async () => {} }),
  };
}

function fileWith(value: unknown): Record<string, unknown> {
  return { sonde: 1, name: 't', steps: { a: { uses: 'test/kind', with: { value } } } };
}

/** Every value inside, replaced by an expression in turn. */
function withExpressions(value: RunConfig[string]): readonly unknown[] {
  const expression = ['$', '{{ params.x }}'].join('');
  if (Array.isArray(value)) return value.map((_, at) => value.with(at, expression));
  if (typeof value === 'object' && value !== null)
    return Object.keys(value).map((key) => ({ ...value, [key]: expression }));
  return [expression];
}

describe.each(CASES)('one reading of $form', ({ schema, values }) => {
  const kind = kindOf(schema);
  const kinds = new Map([[kind.kind, kind]]);
  const editor = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    allowUnionTypes: true,
  }).compile(pipelineSchema(kinds));

  it.each(values)('of %j', async (value, counts) => {
    const loaded = await loadPipelineText(JSON.stringify(fileWith(value)), 't.yaml', { kinds, cwd: '/' });
    expect([loaded.ok, editor(fileWith(value))]).toEqual([counts !== false, counts !== false]);
    if (!loaded.ok) return;
    const config = loaded.graph.tasks[0]?.with as RunConfig;
    const fingerprint = fingerprintOf({ provider: 'cpu', kind, config });
    expect(fingerprint.config).toEqual(counts === undefined ? {} : { value: counts });
    for (const open of withExpressions(value)) expect([open, editor(fileWith(open))]).toEqual([open, true]);
  });
});
