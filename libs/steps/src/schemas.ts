import type { ArtifactType, ConfigSchema } from '@sonde/pipeline';

const DTYPES = ['float32', 'float16', 'bfloat16'];
const QUANTIZATIONS = ['nf4', 'int8', 'int4'];

/** A place for one artifact. */
export const one = (description: string, ...types: ArtifactType[]): ConfigSchema => ({
  description,
  artifact: { types },
});

/** A place for a list of artifacts: what a reference that collects axes gives. */
export const many = (description: string, ...types: ArtifactType[]): ConfigSchema => ({
  description,
  artifact: { types, many: true },
});

/** A map of these keys and no others; `later`: keys of the language that this version does not do. */
export const closed = (
  properties: Readonly<Record<string, ConfigSchema>>,
  required: readonly string[] = [],
  later: readonly string[] = [],
): ConfigSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
  ...(later.length === 0 ? {} : { later }),
});

export const seed: ConfigSchema = {
  type: 'integer',
  minimum: 0,
  maximum: 2 ** 32 - 1,
  default: 0,
  description: 'Seed of every random choice of this step.',
};

const attributeName: ConfigSchema = { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$' };

export const attributes: ConfigSchema = {
  type: 'array',
  items: attributeName,
  minItems: 1,
  uniqueItems: true,
  description: 'Attributes (`score.<ATTRIBUTE>` columns) to use; all that the table has by default.',
};

export const attribute: ConfigSchema = { ...attributeName, description: 'One attribute, for example TOXICITY.' };

/** `model:` — a reference, or an object with a reference and how to load it. */
export const model: ConfigSchema = {
  description:
    'A checkpoint: a folder in the hub’s layout or `embedded:<name>`; or an object with `ref`, a revision, an adapter, and the precision of its weights.',
  oneOf: [
    one('A checkpoint.', 'model'),
    closed(
      {
        name: { type: 'string', minLength: 1, fingerprint: false, description: 'What task ids and reports call it.' },
        ref: { description: 'A checkpoint.', artifact: { types: ['model'], revision: 'revision' } },
        revision: {
          type: 'string',
          pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
          description: 'Its revision: `{ ref: embedded:a, revision: b }` is `embedded:a@b`.',
        },
        adapter: one('A LoRA adapter in PEFT’s layout.', 'adapter'),
        dtype: {
          enum: DTYPES,
          description:
            'What the checkpoint’s weights are rounded to, before any quantisation; as they are stored by default. Computed in float32 all the same.',
        },
        quantization: {
          enum: QUANTIZATIONS,
          description: 'How the weights of the blocks’ linear layers are quantised at loading; not at all by default.',
        },
      },
      ['ref'],
    ),
  ],
};

export const layers: ConfigSchema = {
  description: 'State layers: `all`, or a list (0 is the embedding output, l the output of block l − 1).',
  oneOf: [{ const: 'all' }, { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1, uniqueItems: true }],
  default: 'all',
};

export const pool: ConfigSchema = {
  type: 'array',
  items: { enum: ['prompt', 'continuation', 'last', 'max'], later: ['tokens'] },
  minItems: 1,
  uniqueItems: true,
  default: ['prompt', 'continuation'],
  description:
    'Mean over the prompt’s own tokens, mean over the continuation’s tokens, the last token, the maximum over the continuation.',
};

export const sites: ConfigSchema = {
  type: 'array',
  items: { enum: ['residual'], later: ['attention', 'mlp', 'heads'] },
  minItems: 1,
  maxItems: 1,
  default: ['residual'],
  description: 'Where states are read: the residual stream, after each block.',
};

/** Changes to the model’s forward pass, by block. */
export const interventions: ConfigSchema = {
  type: 'array',
  default: [],
  description: 'Changes to blocks during the forward pass; block numbers count from 0.',
  items: closed(
    {
      kind: {
        enum: ['bypass', 'bypass_attention', 'bypass_mlp'],
        later: ['mean_ablation', 'add', 'erase', 'replace'],
        description: '`bypass`: the block returns its input; or only its attention’s or MLP’s contribution is dropped.',
      },
      layers: {
        type: 'array',
        items: { type: 'integer', minimum: 0 },
        minItems: 1,
        uniqueItems: true,
        description: 'Block numbers, from 0.',
      },
    },
    ['kind', 'layers'],
  ),
};

export const bootstrap: ConfigSchema = {
  ...closed({
    resamples: { type: 'integer', minimum: 100, maximum: 100_000, default: 1000 },
    level: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95 },
    seed,
  }),
  default: {},
  description: 'Percentile bootstrap over prompts.',
};

export const mode: ConfigSchema = {
  enum: ['default', 'paper'],
  default: 'default',
  description: '`default` is what we recommend; `paper` repeats the published procedure.',
};
