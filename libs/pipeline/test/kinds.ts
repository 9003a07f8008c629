import type { StepKindSpec, StepKinds } from '../src/index.ts';

/** Step kinds for tests, in the shape of the real ones. */
const specs: readonly StepKindSpec[] = [
  {
    kind: 'prompts/sample',
    revision: 1,
    summary: 'Draws prompts from a table.',
    config: {
      type: 'object',
      required: ['source'],
      additionalProperties: false,
      properties: {
        source: { artifact: { types: ['table', 'file'] }, description: 'A table of texts.' },
        count: { type: 'integer', minimum: 1, default: 100 },
        seed: { type: 'integer', minimum: 0, default: 0 },
        template: { type: 'string', enum: ['none', 'instruct', 'chat'], default: 'none' },
      },
    },
    outputs: { prompts: { type: 'table', description: 'The prompts.' } },
  },
  {
    kind: 'text/generate',
    revision: 1,
    summary: 'Continues prompts with a model.',
    config: {
      type: 'object',
      required: ['model', 'prompts'],
      additionalProperties: false,
      $defs: {
        layers: { anyOf: [{ enum: ['all'] }, { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 }] },
      },
      properties: {
        model: {
          oneOf: [
            { artifact: { types: ['model'] } },
            {
              type: 'object',
              required: ['ref'],
              additionalProperties: false,
              later: ['quantization'],
              properties: {
                ref: { artifact: { types: ['model'], revision: 'revision' } },
                revision: { type: 'string' },
                adapter: { artifact: { types: ['adapter'] } },
                dtype: { enum: ['float32', 'bfloat16'], default: 'float32' },
              },
            },
          ],
        },
        prompts: { artifact: { types: ['table'] } },
        max_new_tokens: { type: 'integer', minimum: 1, default: 20 },
        top_p: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 1 },
        do_sample: { type: 'boolean', default: false },
        seed: { type: 'integer', default: 0 },
        batch_size: { type: 'integer', default: 8, fingerprint: false },
        capture: {
          type: 'object',
          additionalProperties: false,
          properties: {
            layers: { $ref: '#/$defs/layers', default: 'all' },
            pool: {
              type: 'array',
              items: { enum: ['prompt', 'continuation', 'last'], later: ['tokens'] },
              uniqueItems: true,
              default: ['prompt'],
            },
          },
        },
        interventions: {
          type: 'array',
          items: {
            oneOf: [
              {
                type: 'object',
                required: ['kind', 'layers'],
                additionalProperties: false,
                properties: { kind: { enum: ['bypass'], later: ['erase'] }, layers: { $ref: '#/$defs/layers' } },
              },
              {
                type: 'object',
                required: ['kind', 'vector'],
                additionalProperties: false,
                properties: {
                  kind: { const: 'add' },
                  vector: { artifact: { types: ['tensors'] } },
                  scale: { type: 'number', default: 1 },
                },
              },
            ],
          },
        },
      },
    },
    outputs: {
      continuations: { type: 'table', description: 'The continuations.' },
      states: { type: 'tensors', description: 'Hidden states, when capturing.' },
    },
    outputsOf: (config) => ({
      continuations: { type: 'table', description: 'The continuations.' },
      ...(config.capture === undefined ? {} : { states: { type: 'tensors' as const, description: 'Hidden states.' } }),
    }),
    check: (config) =>
      config.do_sample === false && config.top_p !== 1
        ? [{ path: ['top_p'], message: '`top_p` has no effect without `do_sample: true`' }]
        : [],
  },
  {
    kind: 'text/score',
    revision: 1,
    summary: 'Scores texts.',
    config: {
      type: 'object',
      required: ['texts'],
      additionalProperties: false,
      properties: {
        scorer: { artifact: { types: ['scorer'] }, default: 'embedded:toxicity' },
        texts: { artifact: { types: ['table'] } },
      },
    },
    outputs: { scores: { type: 'table', description: 'The scores.' } },
  },
  {
    kind: 'correlate/models',
    revision: 1,
    summary: 'Relates scores over models.',
    config: {
      type: 'object',
      required: ['scores'],
      additionalProperties: false,
      properties: {
        scores: { artifact: { types: ['table'], many: true } },
        axis: { type: 'string', default: 'model' },
      },
    },
    outputs: { correlations: { type: 'table', description: 'The correlations.' } },
  },
  {
    kind: 'report/html',
    revision: 1,
    summary: 'Writes a report.',
    config: {
      type: 'object',
      required: ['sections'],
      additionalProperties: false,
      properties: {
        title: { type: 'string' },
        sections: {
          type: 'object',
          additionalProperties: { artifact: { types: ['table', 'tensors', 'json'], many: true } },
        },
        notes: {},
      },
    },
    outputs: { report: { type: 'html', description: 'The report.' } },
    describesPipeline: true,
  },
  {
    kind: 'command',
    revision: 1,
    summary: 'Runs a program.',
    config: {
      type: 'object',
      required: ['argv', 'outputs'],
      additionalProperties: false,
      properties: {
        argv: { type: 'array', items: { type: 'string' }, minItems: 1 },
        inputs: {
          type: 'object',
          additionalProperties: { artifact: { types: ['table', 'tensors', 'json', 'file'], many: true } },
        },
        outputs: {
          type: 'object',
          additionalProperties: {
            type: 'object',
            required: ['type', 'file'],
            additionalProperties: false,
            properties: { type: { enum: ['table', 'tensors', 'json', 'file'] }, file: { type: 'string' } },
          },
        },
        env: { type: 'object', additionalProperties: { type: 'string' } },
      },
    },
    outputs: {},
    outputsOf: (config) =>
      Object.fromEntries(
        Object.entries(config.outputs as Record<string, { type: 'table' }>).map(([name, { type }]) => [
          name,
          { type, description: 'An output of the program.' },
        ]),
      ),
    lateNames: ['inputs', 'outputs'],
    runsCode: true,
  },
];

export const kinds: StepKinds = new Map(specs.map((spec) => [spec.kind, spec]));
