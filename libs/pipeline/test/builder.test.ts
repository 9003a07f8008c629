import { expect, expectTypeOf, it } from 'vitest';
import {
  artifact,
  artifacts,
  type ConfigOf,
  constant,
  type InputArtifact,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  type Planned,
  text,
  words,
} from '../src/index.ts';

const config = object({
  source: artifact('table', { description: 'The rows.' }),
  tables: optional(artifacts(['table', 'file'])),
  count: oneOf([integer({ minimum: 1 }), constant('all')], { default: 'all' }),
  order: words(['name', 'size'], { default: 'name' }),
  bootstrap: object({ level: number({ default: 0.95 }), seed: optional(integer()) }, { default: {} }),
  names: list(text({ minLength: 1 }), { minItems: 1 }),
  env: map(text(), { names: '^[A-Z]+$', default: {} }),
  plain: { type: 'boolean' },
});

it('makes plain JSON Schema, in which a key is required that has no default and is not optional', () => {
  expect(JSON.parse(JSON.stringify(config))).toEqual({
    type: 'object',
    properties: {
      source: { description: 'The rows.', artifact: { types: ['table'] } },
      tables: { artifact: { types: ['table', 'file'], many: true } },
      count: { oneOf: [{ type: 'integer', minimum: 1 }, { const: 'all' }], default: 'all' },
      order: { enum: ['name', 'size'], default: 'name' },
      bootstrap: {
        type: 'object',
        properties: { level: { type: 'number', default: 0.95 }, seed: { type: 'integer' } },
        required: [],
        additionalProperties: false,
        default: {},
      },
      names: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
      env: {
        type: 'object',
        propertyNames: { pattern: '^[A-Z]+$' },
        additionalProperties: { type: 'string' },
        default: {},
      },
      plain: { type: 'boolean' },
    },
    required: ['source', 'names', 'plain'],
    additionalProperties: false,
  });
});

it('types the config of a running step: defaults are there, optional keys may be absent, inputs are artifacts', () => {
  type Config = ConfigOf<typeof config>;
  expectTypeOf<Config['source']>().toEqualTypeOf<InputArtifact>();
  expectTypeOf<Config['count']>().toEqualTypeOf<number | 'all'>();
  expectTypeOf<Config['order']>().toEqualTypeOf<'name' | 'size'>();
  expectTypeOf<Config['bootstrap']['level']>().toEqualTypeOf<number>();
  expectTypeOf<Config['names']>().toEqualTypeOf<readonly string[]>();
  expectTypeOf<Config['env']>().toEqualTypeOf<Readonly<Record<string, string>>>();
  expectTypeOf<Config['plain']>().toBeUnknown();
  expectTypeOf<Pick<Config, 'tables'>>().toEqualTypeOf<{ readonly tables?: readonly InputArtifact[] }>();
  expectTypeOf<Planned<Config>['source']['$']>().toEqualTypeOf<'output' | 'data'>();
});

it('takes no default that is not of its type', () => {
  // @ts-expect-error: `often` is none of the words
  expect(words(['always', 'never'], { default: 'often' }).default).toBe('often');
  // @ts-expect-error: a keyword that numbers do not have
  expect(integer({ minLength: 1 }).type).toBe('integer');
});
