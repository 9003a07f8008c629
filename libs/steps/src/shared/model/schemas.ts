import { DTYPES, QUANTIZATIONS } from '@sonde/checkpoints/precisions';
import type { CaptureOptions, CaptureSite, Site } from '@sonde/engine';
import { POOLS, PROBE_VECTORS, SITES } from '@sonde/formats/columns';
import {
  artifact,
  boolean,
  type ConfigOf,
  type ConfigProblem,
  constant,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  type Planned,
  text,
  words,
} from '@sonde/pipeline';

/** `model:` — a reference, or an object with a reference and how to load it. */
export const model = oneOf(
  [
    artifact('model', { description: 'A checkpoint.' }),
    object({
      name: optional(text({ minLength: 1, fingerprint: false, description: 'What task ids and reports call it.' })),
      ref: artifact('model', { description: 'A checkpoint.', revision: 'revision' }),
      revision: optional(
        text({
          pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
          description: 'Its revision: `{ ref: embedded:a, revision: b }` is `embedded:a@b`.',
        }),
      ),
      adapter: optional(artifact('adapter', { description: 'A LoRA adapter in PEFT’s layout.' })),
      dtype: optional(
        words(DTYPES, {
          description:
            'What the checkpoint’s weights are rounded to, before any quantisation; as they are stored by default.',
        }),
      ),
      quantization: optional(
        words(QUANTIZATIONS, {
          description: 'How the weights of the blocks’ linear layers are quantised at loading; not at all by default.',
        }),
      ),
      compute: optional(
        words(DTYPES, {
          description:
            'The type in which linear layers are computed, on a device that has it; the CPU has float32 alone.',
        }),
        'float32',
      ),
      layerwise_casting: optional(
        boolean({
          description:
            'Whether weights stay in memory as they are stored, and become float32 layer by layer in each run: half the memory of a checkpoint in 16 bits, and slower. On the CPU.',
        }),
        false,
      ),
      weights: optional(
        words(['random'], {
          description:
            '`random`: weights drawn as the model’s class begins, in place of those stored: a baseline of the same shape without training.',
        }),
      ),
      seed: optional(
        integer({
          minimum: 0,
          maximum: 2 ** 32 - 1,
          description: 'Of random weights: what they are drawn from.',
        }),
        0,
      ),
    }),
  ],
  {
    description:
      'A checkpoint: a folder in the hub’s layout or `embedded:<name>`; or an object with `ref`, a revision, an adapter, and the precision of its weights, or `weights: random`.',
  },
);

/** `model:` of a running step. */
export type ModelConfig = ConfigOf<typeof model>;

/** What is wrong with a model of a config, beyond its schema. */
export function checkModel(config: Planned<ModelConfig>): ConfigProblem[] {
  const { weights, adapter, seed } = config as { weights?: unknown; adapter?: unknown; seed?: unknown };
  if (weights === undefined) {
    return seed === undefined
      ? []
      : [{ path: ['model', 'seed'], message: '`seed` is of random weights: say `weights: random` too' }];
  }
  return adapter === undefined
    ? []
    : [
        {
          path: ['model', 'adapter'],
          message: 'an adapter was trained for the stored weights and cannot go with random ones',
        },
      ];
}

export const prompts = artifact('table', {
  description: 'A table with `prompt_id`, `rendered`, `span_start`, `span_end`.',
});

export const layers = oneOf([constant('all'), list(integer({ minimum: 0 }), { minItems: 1, uniqueItems: true })], {
  description: 'State layers: `all`, or a list (0 is the embedding output, l the output of block l − 1).',
  default: 'all',
});

const ALL_POOLS = [...POOLS, 'tokens'] as const satisfies CaptureOptions['pool'];
const POOL_DOCS =
  'Mean over the prompt’s own tokens, mean over the continuation’s tokens, the last token, the maximum over the continuation; `tokens`: every token’s state, with its `position`.';
const setOfPools = { minItems: 1, uniqueItems: true } as const;

export const pool = list(words(ALL_POOLS), {
  ...setOfPools,
  default: ['prompt', 'continuation'],
  description: POOL_DOCS,
});

/** The same where there may be no continuations to pool over. */
export const poolOfWhatThereIs = optional(
  list(words(ALL_POOLS), {
    ...setOfPools,
    description: `${POOL_DOCS} If not given: \`[prompt, continuation]\`, or \`[prompt]\` without \`continuations\`.`,
  }),
);

export function poolsOfWhatThereIs({ continuations }: { readonly continuations?: unknown }) {
  return continuations === undefined ? (['prompt'] as const) : (['prompt', 'continuation'] as const);
}

/** Where states are read; all but `residual_raw` and `router` can also be changed. */
export const CAPTURE_SITES = Object.keys(SITES) as (keyof typeof SITES)[] satisfies CaptureSite[];
const CHANGED_SITES = CAPTURE_SITES.filter((site): site is Site => site !== 'residual_raw' && site !== 'router');
const SITE_DOCS =
  '`residual`: the residual stream after each block; `attention`, `mlp`: what each block’s attention or MLP adds to it; `heads`: what each attention head gives, before the output projection';

export const sites = list(words(CAPTURE_SITES), {
  minItems: 1,
  uniqueItems: true,
  default: ['residual'],
  description: `Where states are read. ${SITE_DOCS}; \`residual_raw\`: the stream with its last layer before the final norm; \`router\`: the weight of each expert of a mixture, 0 for those not chosen.`,
});

export const stateDtype = optional(words(DTYPES, { description: 'How the states are stored.' }), 'float32');

/** Changes to the model’s forward pass, by block. */
export const interventions = list(
  object({
    kind: words(['bypass', 'bypass_attention', 'bypass_mlp', 'mean_ablation', 'add', 'erase', 'replace'], {
      description:
        '`bypass`: the block returns its input; `bypass_attention`, `bypass_mlp`: only that contribution is dropped. `add`: adds a vector; `erase`: projects directions out; `mean_ablation`: puts the mean of other states in place; `replace`: puts the state of the same prompt and position of another run in place.',
    }),
    layers: list(integer({ minimum: 0 }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Block numbers, from 0.',
    }),
    site: optional(words(CHANGED_SITES, { description: `What is changed. ${SITE_DOCS}.` }), 'residual'),
    from: optional(
      artifact('tensors', {
        description:
          'Where the vectors come from: captured states (their mean; for `replace`, states of every token), the weights of probes, or a safetensors file.',
      }),
    ),
    minus: optional(
      artifact('tensors', {
        description: 'States whose mean is taken from the mean of `from`: the usual steering vector.',
      }),
    ),
    span: optional(words(POOLS, { description: 'Which pool of captured states is averaged.' }), 'prompt'),
    scenario: optional(text({ minLength: 1, description: 'Of probe weights: the scenario.' })),
    targets: optional(
      list(text({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'Of probe weights: whose directions; all that there are if not given.',
      }),
    ),
    vectors: optional(
      words(PROBE_VECTORS, {
        description:
          'Of probe weights: the `weights` themselves, their `directions` of length 1, or `mean_differences`, from the mean state of low scores to that of high ones, of length 1.',
      }),
      'weights',
    ),
    tensor: optional(text({ minLength: 1, description: 'Of a safetensors file: which tensor.' })),
    random: optional(
      integer({
        minimum: 0,
        maximum: 2 ** 32 - 1,
        description:
          'Of `add` and `erase`: a random direction of equal length in the place of each vector, drawn by this seed. A control.',
      }),
    ),
    scale: optional(number({ description: 'Of `add`: what the vector is multiplied by.' }), 1),
  }),
  {
    default: [],
    description: 'Changes to blocks during the forward pass, in this order; block numbers count from 0.',
  },
);

/** An intervention as the pipeline file has it, with its artifacts in place. */
export type InterventionConfig = ConfigOf<typeof interventions>[number];

/** What an intervention of each kind may say beside `kind` and `layers`. */
const INTERVENTION_KEYS: Readonly<Record<InterventionConfig['kind'], readonly string[]>> = {
  bypass: [],
  bypass_attention: [],
  bypass_mlp: [],
  add: ['site', 'from', 'minus', 'span', 'scenario', 'targets', 'vectors', 'tensor', 'random', 'scale'],
  erase: ['site', 'from', 'minus', 'span', 'scenario', 'targets', 'vectors', 'tensor', 'random'],
  mean_ablation: ['site', 'from', 'minus', 'span', 'scenario', 'targets', 'vectors', 'tensor'],
  replace: ['site', 'from'],
};

/** What is wrong with the interventions of a config, beyond their schema. */
export function checkInterventions(interventions: readonly Planned<InterventionConfig>[]): ConfigProblem[] {
  return interventions.flatMap((intervention, i) => {
    const { kind } = intervention;
    const allowed = INTERVENTION_KEYS[kind];
    const strange = Object.keys(intervention).filter((key) => !['kind', 'layers', ...allowed].includes(key));
    const problems = strange.map((key) => ({
      path: ['interventions', i, key],
      message: `\`${kind}\` has no \`${key}\``,
    }));
    if (!allowed.includes('from') || intervention.from !== undefined) return problems;
    return [...problems, { path: ['interventions', i], message: `\`${kind}\` needs \`from\`: where its vectors are` }];
  });
}
