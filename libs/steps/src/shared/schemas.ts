import type { ArtifactType, ConfigProblem, ConfigSchema } from '@sonde/pipeline';

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
  items: { enum: ['prompt', 'continuation', 'last', 'max', 'tokens'] },
  minItems: 1,
  uniqueItems: true,
  default: ['prompt', 'continuation'],
  description:
    'Mean over the prompt’s own tokens, mean over the continuation’s tokens, the last token, the maximum over the continuation; `tokens`: every token’s state, with its `position`.',
};

/** The same where it depends on other config what there is to pool over. */
export const poolWithoutDefault: ConfigSchema = {
  type: 'array',
  items: pool.items!,
  minItems: 1,
  uniqueItems: true,
  description: `${pool.description} If not given: \`[prompt, continuation]\`, or \`[prompt]\` without \`continuations\`.`,
};

export const captureSites = ['residual', 'residual_raw', 'attention', 'mlp', 'heads'];
const SITE_NAMES = ['residual', 'attention', 'mlp', 'heads'];
const SITE_DOCS =
  '`residual`: the residual stream after each block; `attention`, `mlp`: what each block’s attention or MLP adds to it; `heads`: what each attention head gives, before the output projection';

export const sites: ConfigSchema = {
  type: 'array',
  items: { enum: captureSites },
  minItems: 1,
  uniqueItems: true,
  default: ['residual'],
  description: `Where states are read. ${SITE_DOCS}; \`residual_raw\`: the stream with its last layer before the final norm.`,
};

/** How captured states are stored. No default, so that a config without it keeps its key. */
export const stateDtype: ConfigSchema = {
  enum: ['float32', 'float16', 'bfloat16'],
  description: 'How the states are stored: `float32` if not given.',
};

/** Changes to the model’s forward pass, by block. */
export const interventions: ConfigSchema = {
  type: 'array',
  default: [],
  description: 'Changes to blocks during the forward pass, in this order; block numbers count from 0.',
  items: closed(
    {
      kind: {
        enum: ['bypass', 'bypass_attention', 'bypass_mlp', 'mean_ablation', 'add', 'erase', 'replace'],
        description:
          '`bypass`: the block returns its input; `bypass_attention`, `bypass_mlp`: only that contribution is dropped. `add`: adds a vector; `erase`: projects directions out; `mean_ablation`: puts the mean of other states in place; `replace`: puts the state of the same prompt and position of another run in place.',
      },
      layers: {
        type: 'array',
        items: { type: 'integer', minimum: 0 },
        minItems: 1,
        uniqueItems: true,
        description: 'Block numbers, from 0.',
      },
      site: { enum: SITE_NAMES, description: `What is changed: \`residual\` if not given. ${SITE_DOCS}.` },
      from: one(
        'Where the vectors come from: captured states (their mean; for `replace`, states of every token), the weights of probes, or a safetensors file.',
        'tensors',
      ),
      minus: one('States whose mean is taken from the mean of `from`: the usual steering vector.', 'tensors'),
      span: {
        enum: ['prompt', 'continuation', 'last', 'max'],
        description: 'Which pool of captured states is averaged: `prompt` if not given.',
      },
      scenario: { type: 'string', minLength: 1, description: 'Of probe weights: the scenario.' },
      targets: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        minItems: 1,
        uniqueItems: true,
        description: 'Of probe weights: whose directions; all that there are if not given.',
      },
      tensor: { type: 'string', minLength: 1, description: 'Of a safetensors file: which tensor.' },
      scale: { type: 'number', description: 'Of `add`: what the vector is multiplied by; 1 if not given.' },
    },
    ['kind', 'layers'],
  ),
};

/** What an intervention of each kind may say beside `kind` and `layers`. */
const INTERVENTION_KEYS: Readonly<Record<string, readonly string[]>> = {
  bypass: [],
  bypass_attention: [],
  bypass_mlp: [],
  add: ['site', 'from', 'minus', 'span', 'scenario', 'targets', 'tensor', 'scale'],
  erase: ['site', 'from', 'minus', 'span', 'scenario', 'targets', 'tensor'],
  mean_ablation: ['site', 'from', 'minus', 'span', 'scenario', 'targets', 'tensor'],
  replace: ['site', 'from'],
};

/** What is wrong with the interventions of a config, beyond their schema. */
export const checkInterventions = (config: Readonly<Record<string, unknown>>): ConfigProblem[] => {
  const list = Array.isArray(config.interventions) ? (config.interventions as Record<string, unknown>[]) : [];
  return list.flatMap((intervention, i) => {
    const kind = String(intervention.kind);
    const allowed = INTERVENTION_KEYS[kind] ?? [];
    const strange = Object.keys(intervention).filter((key) => !['kind', 'layers', ...allowed].includes(key));
    const problems = strange.map((key) => ({
      path: ['interventions', i, key],
      message: `\`${kind}\` has no \`${key}\``,
    }));
    if (!allowed.includes('from') || intervention.from !== undefined) return problems;
    return [...problems, { path: ['interventions', i], message: `\`${kind}\` needs \`from\`: where its vectors are` }];
  });
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
