import { canonicalJson, keyOf } from '@sonde/store';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, type InputArtifact, type RunConfig, type StepKind } from '../src/index.ts';

const kind: StepKind = {
  kind: 'test/kind',
  revision: 3,
  summary: '',
  config: {
    type: 'object',
    $defs: { batch: { properties: { batch_size: { fingerprint: false }, kept: {} } } },
    properties: {
      batch_size: { fingerprint: false },
      plain: {},
      one: { anyOf: [{ type: 'null' }, { properties: { threads: { fingerprint: false } } }] },
      list: { type: 'array', items: { $ref: '#/$defs/batch' } },
      rows: { artifact: { types: ['table'] } },
    },
  },
  outputs: {},
  division: { inputs: ['rows'], divide: async () => [] },
  load: async () => ({ run: async () => {} }),
};
const digest = `sha256:${'a'.repeat(64)}`;
const input = (axes = {}): InputArtifact => ({ $: 'artifact', type: 'table', path: '/x', digest, axes, ref: 'x' });

describe('a fingerprint', () => {
  it('has kind, revision and config, with each input as its digest and its axes', () => {
    const config = { plain: [1, 'a', null], rows: input(), more: [input({ model: 'm' })] };
    expect(fingerprintOf({ provider: 'cpu', kind, config })).toEqual({
      sonde: 1,
      kind: 'test/kind',
      revision: 3,
      config: { plain: [1, 'a', null], rows: { input: digest }, more: [{ input: digest, axes: { model: 'm' } }] },
    });
  });

  it('leaves out what the schema says changes no bytes, at any depth', () => {
    const config = { batch_size: 8, plain: 1, one: { threads: 2, a: 1 }, list: [{ batch_size: 1, kept: 2 }] };
    expect(fingerprintOf({ provider: 'cpu', kind, config }).config).toEqual({
      plain: 1,
      one: { a: 1 },
      list: [{ kept: 2 }],
    });
  });

  it('leaves out what is written out and is what its absence means, at any depth', () => {
    const steered: StepKind = {
      ...kind,
      config: {
        properties: {
          dtype: { implied: 'float32' },
          list: { items: { properties: { axes: { implied: { a: [1] } }, off: { implied: false } } } },
          pool: {},
          nested: { properties: { times: {} } },
        },
      },
      implied: ({ plain }) => ({ pool: [plain === 1 ? 1 : null], nested: { times: 9 } }),
    };
    const configOf = (config: RunConfig) => fingerprintOf({ provider: 'cpu', kind: steered, config }).config;
    const written = { dtype: 'float32', list: [{ axes: { a: [1] }, off: false }], pool: [null], nested: { times: 9 } };
    expect(configOf(written)).toEqual({ list: [{}], nested: {} });
    const others = { dtype: 'float16', list: [{ axes: { a: [2] }, off: true }], pool: [9], nested: { times: 8 } };
    expect(configOf(others)).toEqual(others);
    expect(configOf({ plain: 1, pool: [1] })).toEqual({ plain: 1 });
  });

  it('of a shard has its identity in place of the inputs that divide', () => {
    const whole = fingerprintOf({ provider: 'cpu', kind, config: { plain: 1, rows: input() } });
    const shard = fingerprintOf({ provider: 'cpu', kind, config: { plain: 1, rows: input() }, shard: ['row 1'] });
    expect(shard).toEqual({ ...whole, config: { plain: 1 }, shard: ['row 1'] });
  });

  it('has the pipeline and the runtime where the kind says so', () => {
    const described = fingerprintOf({
      provider: 'cpu',
      kind: { ...kind, runtime: () => ({ engine: '1' }) },
      config: {},
      pipeline: { name: 'n', description: 'd' },
    });
    expect(described).toMatchObject({ runtime: { engine: '1' }, pipeline: { name: 'n', description: 'd' } });
  });

  it('has one text and one key, whatever the order of its fields', () => {
    const one = fingerprintOf({ provider: 'cpu', kind, config: { plain: 1, other: 2 } });
    const two = fingerprintOf({ provider: 'cpu', kind, config: { other: 2, plain: 1 } });
    expect(keyOf(one)).toBe(keyOf(two));
    // A change here changes every key there is: raise `sonde` with it.
    expect(canonicalJson(one)).toBe('{"config":{"other":2,"plain":1},"kind":"test/kind","revision":3,"sonde":1}');
  });
});
