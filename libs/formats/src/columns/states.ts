import { type TensorsFormat, tableFormat } from '../column.ts';

/** Pools of states: over a prompt's own tokens, over a continuation's, the last token of the two, their maximum. */
export const POOLS = ['prompt', 'continuation', 'last', 'max'] as const;
export type Pool = (typeof POOLS)[number];

/** Where in a network states are read: a tensor each. */
export const SITES = {
  residual: {
    tensor: 'hidden_states',
    convention:
      'layer 0 is the embedding output, layer l the residual stream after block l - 1, the last one after the final norm',
    shape: '[n, layers, d]',
  },
  residual_raw: {
    tensor: 'residual_raw',
    convention: 'layer 0 is the embedding output, layer l the residual stream after block l - 1, before any final norm',
    shape: '[n, layers, d]',
  },
  attention: {
    tensor: 'attention',
    convention: 'layer l is what the attention of block l - 1 adds to the residual stream',
    shape: '[n, layers, d]',
  },
  mlp: {
    tensor: 'mlp',
    convention: 'layer l is what the MLP of block l - 1 adds to the residual stream',
    shape: '[n, layers, d]',
  },
  heads: {
    tensor: 'heads',
    convention:
      'layer l is what each attention head of block l - 1 gives, before the output projection: [heads, head size]',
    shape: '[n, layers, heads, head size]',
  },
  router: {
    tensor: 'router',
    convention:
      'layer l is the weight that each expert of block l - 1 has, 0 if it is not chosen; blocks with experts alone',
    shape: '[n, layers, experts]',
  },
} as const;
export type StateSite = keyof typeof SITES;

/** The row index of states, beside their tensors. */
export const STATES_INDEX = tableFormat({
  name: 'the row index of states',
  madeBy: ['text/generate', 'activations/capture'],
  what: 'A row for each row of the tensors.',
  columns: {
    prompt_id: { type: 'string', what: 'whose' },
    sample: { type: 'int32', nullable: true, what: 'of which continuation; null for a prompt’s own states' },
    span: {
      type: 'string',
      words: [...POOLS, 'context'],
      what: 'what was pooled, or where a single token lies',
    },
    position: {
      type: 'int32',
      nullable: true,
      what: 'the token’s place in the sequence, from 0; null for a pooled row',
      only: 'with the pool `tokens`',
    },
  },
});
export type Span = Pool | 'context';

export const STATES: TensorsFormat = {
  name: 'states',
  madeBy: ['text/generate', 'activations/capture'],
  what: 'Hidden states: a tensor for each site, and a row index beside them.',
  tensors: Object.entries(SITES).map(([site, { tensor, shape, convention }]) => ({
    name: tensor,
    shape,
    what: `the site \`${site}\`: ${convention}`,
  })),
  notes: `A folder: \`states.safetensors\` with the tensors, and \`index.parquet\` with a row for each of their n rows. Numbers are
float32, or what the capture’s \`dtype\` says; the last layer of \`hidden_states\` has the final norm applied, as Hugging
Face returns it. The safetensors metadata names model, pooling, dtype, the model’s precision where it was asked for
(\`model_dtype\`, \`model_quantization\`, \`model_compute\`, \`model_layerwise_casting\`) or its weights were drawn (\`model_weights\`), and the layers of each tensor (\`layers\` for \`hidden_states\`, \`layers.<tensor>\`
for the others). In the row index, \`context\` is a token of the prompt that is not of its own text: the beginning of text,
a template.`,
  index: STATES_INDEX,
};
