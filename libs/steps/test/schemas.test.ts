import { isRecord } from '@sonde/base';
import { fingerprintOf, type RunConfig } from '@sonde/executor';
import type { ConfigSchema } from '@sonde/pipeline';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { artifact } from './harness.ts';

/** Optional keys whose absence no one value stands for: what it means is in the inputs, or in other keys, or is nothing. */
const WITHOUT_VALUE = {
  'found in the inputs': ['attributes', 'columns', 'id', 'labels', 'layers', 'scenarios', 'targets', 'text', 'unit'],
  'found in the model': ['activation', 'chat', 'dtype', 'max_length'],
  'of other keys': ['permutations', 'pool', 'shares'],
  'of the checkpoint, with `generation_config: follow`': [
    'bad_words_ids',
    'begin_suppress_tokens',
    'min_new_tokens',
    'no_repeat_ngram_size',
    'suppress_tokens',
  ],
  'a name made for it': ['name', 'title'],
  'left undone, and nothing else': [
    'baseline',
    'capture',
    'contrast',
    'family',
    'generation_config',
    'group',
    'languages',
    'missing',
    'model',
    'patterns',
    'quantiles',
    'quantization',
    'random',
    'revision',
    'scenario',
    'split',
    'strata',
    'system',
    'tensor',
    'token',
    'validate',
    'value',
    'version',
    'weights',
    'words',
  ],
};

interface Key {
  readonly path: string;
  readonly schema: ConfigSchema;
}

/** Every key that may be absent, at any depth. */
function optionalKeys(schema: ConfigSchema, path: string): Key[] {
  const required = (schema.required ?? []) as readonly string[];
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, part]) => [
    ...(required.includes(name) ? [] : [{ path: `${path}.${name}`, schema: part }]),
    ...optionalKeys(part, `${path}.${name}`),
  ]);
  const inside = [schema.items, schema.additionalProperties, ...((schema.oneOf ?? []) as readonly unknown[])];
  return [...own, ...inside.filter(isRecord).flatMap((part) => optionalKeys(part, path))];
}

const KEYS = [...STEP_KINDS.values()].flatMap(({ kind, config }) => optionalKeys(config, kind));
const IMPLYING = KEYS.filter(({ schema }) => schema.implied !== undefined);

describe('step kinds', () => {
  it.each([...STEP_KINDS.values()].map((kind) => [kind.kind, kind] as const))('%s has a valid schema', (_, kind) => {
    const ajv = new Ajv2020({
      strict: true,
      allowUnionTypes: true,
      keywords: ['artifact', 'fingerprint', 'implied', 'later'],
    });
    expect(() => ajv.compile(kind.config)).not.toThrow();
  });

  it.each([...STEP_KINDS.values()].map((kind) => [kind.kind, kind] as const))(
    '%s says what it does and what it gives',
    (_, kind) => {
      expect(kind.summary).toMatch(/^[A-Z].*\.$/);
      for (const { description } of Object.values(kind.outputs)) expect(description.length).toBeGreaterThan(5);
    },
  );
});

describe('what a key means that is absent', () => {
  const validator = new Ajv2020({ strict: false, keywords: ['artifact', 'fingerprint', 'implied', 'later'] });

  it('is in the schema, for each that has a value which can be written out', () => {
    const known = new Set(Object.values(WITHOUT_VALUE).flat());
    const silent = KEYS.filter(
      ({ path, schema: { default: usual, implied, artifact: place } }) =>
        usual === undefined && implied === undefined && place === undefined && !known.has(path.split('.').at(-1)!),
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it.each(IMPLYING.map(({ path, schema }) => [path, schema] as const))('%s: fits its schema', (_, schema) => {
    expect(validator.validate(schema, schema.implied)).toBe(true);
    expect(schema.default).toBeUndefined();
    expect(String(schema.description)).not.toMatch(/if not given|by default/i);
  });

  const model = artifact('model', 'model');
  const table = artifact('table', 'table');
  it.each<[kind: string, absent: RunConfig, written: RunConfig]>([
    [
      'text/generate',
      {
        model: { ref: model, weights: 'random' },
        prompts: table,
        capture: {},
        interventions: [{ kind: 'add', layers: [1] }],
      },
      {
        model: { ref: model, weights: 'random', seed: 0, layerwise_casting: false, compute: 'float32' },
        prompts: table,
        suppress_tokens: [],
        begin_suppress_tokens: [],
        bad_words_ids: [],
        capture: { dtype: 'float32' },
        interventions: [{ kind: 'add', layers: [1], site: 'residual', span: 'prompt', vectors: 'weights', scale: 1 }],
      },
    ],
    [
      'activations/capture',
      { model, prompts: table },
      { model, prompts: table, tokenize: false, pool: ['prompt'], dtype: 'float32' },
    ],
    [
      'activations/capture',
      { model, prompts: table, continuations: table },
      { model, prompts: table, continuations: table, pool: ['prompt', 'continuation'] },
    ],
    [
      'probe/train',
      { states: model, learner: 'logistic', control: {} },
      { states: model, learner: 'logistic', control: { permutations: 19 }, site: 'residual', strict: false },
    ],
    ['prompts/sample', { source: table, chat: model }, { source: table, chat: model, chat_date: '2024-07-26' }],
    [
      'text/score',
      { texts: table, scorer: { kind: 'recorded', table } },
      { texts: table, scorer: { kind: 'recorded', table, repeated: 'error' } },
    ],
    [
      'text/score',
      { texts: table, scorer: { kind: 'classifier', model } },
      { texts: table, scorer: { kind: 'classifier', model, labels: 'auto', long: 'truncate', overlap: 0 } },
    ],
  ])('%s: has the same fingerprint written out', (kind, absent, written) => {
    const of = (config: RunConfig) => fingerprintOf({ kind: STEP_KINDS.get(kind)!, config, provider: 'cpu' });
    expect(of(written)).toEqual(of(absent));
  });

  it('counts where something else is written', () => {
    const of = (config: RunConfig) =>
      fingerprintOf({ kind: STEP_KINDS.get('text/generate')!, config: { model, ...config }, provider: 'cpu' }).config;
    const followed = { generation_config: 'follow', suppress_tokens: [] };
    expect(of(followed)).toMatchObject(followed);
    expect(of({ capture: { dtype: 'float16' } })).toMatchObject({ capture: { dtype: 'float16' } });
  });
});
