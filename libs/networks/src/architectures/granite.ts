import type { Fields } from '@sonde/checkpoints';
import type { Parts } from '../graph/parts.ts';
import { type RotarySpec, readRotary } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import {
  fusedGatedMlp,
  gatedMlp,
  preNormBlock,
  readGatedMlp,
  readRmsNorm,
  type SelfAttention,
  selfAttention,
  type TableDefaults,
  tokenTables,
} from './blocks.ts';
import { withMixtures } from './experts.ts';
import type { LlamaForm } from './llama-form.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Granite 3 (`GraniteForCausalLM`): as Llama, with factors for embeddings, scores, what a block adds, and logits.
 * Granite team, Granite 3.0 Language Models, 2024.
 */
export function describeGranite(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  return graniteModel(config, { sizes, rotary: [readRotary(config, sizes)], mlp: graniteMlp(config, sizes) });
}

/** Granite 3 with experts (`GraniteMoeForCausalLM`): as Granite, with experts in place of each MLP. */
export function describeGraniteMoe(config: Fields): LanguageModel {
  return describeWithExperts(config, 0);
}

/** The same (`GraniteMoeSharedForCausalLM`) with an MLP beside them for all tokens, where its size is not 0. */
export function describeGraniteMoeShared(config: Fields): LanguageModel {
  return describeWithExperts(config, config.whole('shared_intermediate_size', 0));
}

function describeWithExperts(config: Fields, sharedSize: number): LanguageModel {
  const sizes = readSizes(config);
  const experts = config.count('num_local_experts', 8);
  return graniteModel(config, {
    rotary: [readRotary(config, sizes)],
    ...graniteMixtures(config, sizes, { experts, sharedSize }),
  });
}

/** In what Granite's models differ. */
export interface GraniteForm extends TableDefaults {
  readonly sizes: TrunkSizes;
  readonly rotary: readonly RotarySpec[];
  /** The class's, where `rms_norm_eps` names none; 1e-6 if not given. */
  readonly epsilon?: number;
  /** What there is to say of a layer's attention, beside its biases and its factor. @param name of its weights */
  attention?(parts: Parts, layer: number, name: string): Partial<SelfAttention>;
  readonly mlp: LlamaForm['mlp'];
}

/** The MLP of a block without experts. */
export function graniteMlp(config: Fields, sizes: TrunkSizes): GraniteForm['mlp'] {
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  return (parts, name, x) => gatedMlp(parts, name, x, mlp);
}

/** How the MLP beside experts is stored, and how they are: in stacks, within the mixture. */
const SHARED = { gateUp: 'input_linear', down: 'output_linear' };
const STACKS = { gateUp: 'input_linear.weight', down: 'output_linear.weight', router: 'router.layer' };

/** What blocks with experts have in the place of MLPs. */
interface Mixtures {
  /** How many there are; 0: none, and the MLP beside them stands alone. */
  readonly experts: number;
  /** The size of the MLP beside them, for all tokens; 0: there is none. */
  readonly sharedSize: number;
  /** What stacks and router are called, where it is not as in Granite 3. */
  readonly stored?: typeof STACKS;
}

/** @throws UserError if a token is to have more experts than there are */
export function graniteMixtures(
  config: Fields,
  sizes: TrunkSizes,
  { experts, sharedSize, stored = STACKS }: Mixtures,
): Pick<GraniteForm, 'sizes' | 'mlp'> {
  const mlp = readGatedMlp(config, sizes);
  const beside: GraniteForm['mlp'] = (parts, _, x, layer) => {
    const name = `model.layers.${layer}.shared_mlp`;
    return fusedGatedMlp(parts, name, x, { ...mlp, intermediateSize: sharedSize }, { names: SHARED });
  };
  if (experts === 0) return { sizes, mlp: beside };
  return withMixtures(config, sizes, {
    routing: { experts, chosen: config.count('num_experts_per_tok', 2), normed: true },
    own: (parts, name, part, x) =>
      fusedGatedMlp(parts, name, x, mlp, {
        names: stored,
        linear: (stack, y, shape) => parts.stackedLinear(stack, y, shape, { part, of: experts }),
      }),
    called: 'block_sparse_moe',
    router: stored.router,
    ...(sharedSize > 0 && { beside }),
  });
}

/** A language model of Granite's form and names. */
export function graniteModel(
  config: Fields,
  { sizes, rotary, epsilon, attention, mlp, ...rest }: GraniteForm,
): LanguageModel {
  const bias = config.flag('attention_bias', false);
  const norm = readRmsNorm(config, sizes, epsilon);
  const tables = tokenTables(config, sizes, rest);
  const scale = config.positive('attention_multiplier', 1);
  const ofEmbedding = config.positive('embedding_multiplier', 1);
  const ofResidual = config.positive('residual_multiplier', 1);
  const ofLogits = 1 / config.positive('logits_scaling', 1);
  return languageModel({
    sizes,
    rotary,
    embed: (parts, inputIds) => parts.scale(tables.embed(parts, inputIds), ofEmbedding),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention(name, x) {
          const options = { bias, outputBias: bias, scale, ...attention?.(parts, layer, name) };
          return parts.scale(selfAttention(parts, sizes, layer, name, x, options), ofResidual);
        },
        mlp: (name, x) => parts.scale(mlp(parts, name, x, layer), ofResidual),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
    logits: (parts, states) => parts.scale(tables.logits(parts, states), ofLogits),
  });
}
