import { EMBEDDING } from '@sonde/checkpoints';

/** What a weight is before any training: all of one value, or drawn from a normal distribution of mean 0. */
export type InitialWeight =
  | { readonly fill: number }
  | {
      readonly standardDeviation: number;
      /** A row that is 0 instead: that of the padding token in a table of tokens. */
      readonly zeroRow: number | null;
    };

/** Where config.json names no spread, that of the class; 0.02 for all others. */
const SPREADS: Readonly<Record<string, number>> = {
  NemotronForCausalLM: 0.0134,
  Starcoder2ForCausalLM: 0.018042,
};

/** Classes whose norms are stored less 1. Nemotron stores them so too, and yet begins at 1. */
const NORMS_LESS_ONE = ['GemmaForCausalLM', 'Gemma2ForCausalLM', 'Gemma3ForCausalLM', 'VaultGemmaForCausalLM'];

/** Of some classes layers that write to the residual stream begin smaller by √(2 · layers) (Radford et al. 2019). */
const SCALED_BY_DEPTH: Readonly<Record<string, string>> = {
  GPT2LMHeadModel: '.c_proj.weight',
  GPTBigCodeForCausalLM: '.c_proj.weight',
  NanoChatForCausalLM: '.o_proj.weight',
};

/** The parameters of xIELU: both factors are 0.8, as softplus and the slope at 0 make them. */
const XIELU: Readonly<Record<string, number>> = {
  alpha_p: Math.log(Math.expm1(0.8)),
  alpha_n: Math.log(Math.expm1(0.3)),
  beta: 0.5,
  eps: -1e-6,
};

/** Classes whose table of tokens knows no padding token. */
const WITHOUT_PADDING = [
  'BloomForCausalLM',
  'CodeGenForCausalLM',
  'FalconForCausalLM',
  'GPT2LMHeadModel',
  'GPTBigCodeForCausalLM',
  'GPTJForCausalLM',
  'GPTNeoForCausalLM',
  'GPTNeoXForCausalLM',
  'GPTNeoXJapaneseForCausalLM',
  'MptForCausalLM',
  'OpenAIGPTLMHeadModel',
];

function positiveOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value > 0 ? value : otherwise;
}

const NORM = /(norm|ln_\w+|\.ln)(\.norms\.\d+)?\.weight$/i;

/**
 * How the weights of a language model begin, as transformers initialises its class: matrices and tables normal with
 * `initializer_range`, norms 1, biases 0.
 *
 * @param config of config.json
 * @param layers number of blocks
 * @returns for a weight's name and shape, how it begins
 */
export function initialWeights(
  architecture: string,
  config: Readonly<Record<string, unknown>>,
  layers: number,
): (name: string, shape: readonly number[]) => InitialWeight {
  const isYoutu = architecture === 'YoutuForCausalLM';
  const usual = isYoutu ? 2 / Math.sqrt(5 * Number(config.hidden_size)) : (SPREADS[architecture] ?? 0.02);
  const spread = positiveOr(config.initializer_range ?? config.init_std, usual);
  const ofTables = isYoutu ? positiveOr(config.embedding_initializer_range, 2 * spread) : spread;
  const norm = NORMS_LESS_ONE.includes(architecture) ? 0 : 1;
  const padding = WITHOUT_PADDING.includes(architecture) ? null : config.pad_token_id;
  const zeroRow = typeof padding === 'number' && Number.isInteger(padding) && padding >= 0 ? padding : null;
  const normal = (standardDeviation: number, row: number | null = null): InitialWeight => ({
    standardDeviation,
    zeroRow: row,
  });
  return (name, shape) => {
    // Of gpt-oss the router's biases and the sinks of attention are drawn as well.
    if (architecture === 'GptOssForCausalLM' && /\.(sinks|router\.bias)$/.test(name)) return normal(spread);
    if (/([._]bias|\.sinks)$/.test(name)) return { fill: 0 };
    const ofXielu = /\.act_fn\.(\w+)$/.exec(name)?.[1];
    if (ofXielu !== undefined) return { fill: XIELU[ofXielu]! };
    if (shape.length === 1 || NORM.test(name)) return { fill: norm };
    const scaled = SCALED_BY_DEPTH[architecture];
    if (scaled !== undefined && name.endsWith(scaled)) {
      return normal(spread / Math.sqrt(2 * layers));
    }
    const isOfTokens = EMBEDDING.test(name) || name.endsWith('embed_tokens_per_layer.weight');
    return isOfTokens ? normal(ofTables, zeroRow) : normal(spread);
  };
}
