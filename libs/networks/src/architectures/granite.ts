import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { type RotarySpec, readRotary, rotaryOf, rotarySettings, withBase } from '../rotary.ts';
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
import { checkChosen, withExperts } from './experts.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Granite 3 (`GraniteForCausalLM`): as Llama, with factors for embeddings, scores, what a block adds, and logits.
 * Granite team, Granite 3.0 Language Models, 2024.
 */
export function describeGranite(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  return granite(config, sizes, (parts, at, x) => gatedMlp(parts, `${at}.mlp`, x, mlp));
}

/**
 * Granite with a sliding window in three layers of four (`GraniteSWAForCausalLM`): as Granite, with a sink in each head's
 * softmax, and rotary positions of each layer's own base, or none. Granite team, granite-swash, 2026.
 */
export function describeGraniteSwa(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 128);
  const sizes = readSizes(config, { maxPositions: 8192, window });
  const { layers, heads } = sizes;
  const isSliding = readSliding(config, layers, (layer) => layer % 4 !== 0);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const bases = readBases(config, layers);
  const kinds = [...new Set(bases)].filter((theta) => theta !== 0);
  const settings = rotarySettings(config);
  const usual = readRotary(config, sizes);
  return granite(config, sizes, (parts, at, x) => gatedMlp(parts, `${at}.mlp`, x, mlp), {
    rotary: kinds.map((theta) => (theta === null ? usual : rotaryOf(config, withBase(settings, theta), sizes, {}))),
    attention: (parts, name, layer) => ({
      sliding: window !== null && isSliding(layer),
      sinks: parts.vector(`${name}.sinks`, heads),
      rotary: bases[layer] === 0 ? null : kinds.indexOf(bases[layer]!),
    }),
    usual: { tied: true, epsilon: 1e-5 },
  });
}

/** Each layer's base of rotary positions: 0 where it has none, null where it is that of all. */
function readBases(config: Fields, layers: number): readonly (number | null)[] {
  const given = config.value('layer_rope_theta') ?? null;
  if (given === null) return new Array<null>(layers).fill(null);
  const isBase = (theta: unknown): boolean => typeof theta === 'number' && Number.isFinite(theta) && theta >= 0;
  if (Array.isArray(given) && given.length >= layers && given.every(isBase)) return given.slice(0, layers);
  throw new UserError(
    'model',
    `${config.where}: layer_rope_theta is ${JSON.stringify(given)}; expected a list of ${layers} numbers of 0 or more, one for each layer.`,
  );
}

/** Granite 3 with experts (`GraniteMoeForCausalLM`): as Granite, with experts in place of each MLP. */
export function describeGraniteMoe(config: Fields): LanguageModel {
  return graniteWithExperts(config, 0);
}

/** The same (`GraniteMoeSharedForCausalLM`) with an MLP beside them for all tokens, where its size is not 0. */
export function describeGraniteMoeShared(config: Fields): LanguageModel {
  return graniteWithExperts(config, config.whole('shared_intermediate_size', 0));
}

/** Of the experts, which lie in stacks, and of the MLP beside them. */
const FUSED = { gateUp: 'input_linear', down: 'output_linear' };

function graniteWithExperts(config: Fields, sharedSize: number): LanguageModel {
  const sizes = readSizes(config);
  const { hiddenSize } = sizes;
  const mlp = readGatedMlp(config, sizes);
  const shared = { ...mlp, intermediateSize: sharedSize };
  const experts = config.count('num_local_experts', 8);
  const routing = { experts, chosen: config.count('num_experts_per_tok', 2), normed: true };
  checkChosen(config, routing);
  return granite(config, withExperts(sizes, experts), (parts, at, x, layer) => {
    const name = `${at}.block_sparse_moe`;
    const logits = parts.router(`${name}.router.layer`, x, [experts, hiddenSize], false);
    const mixed = parts.mixture(layer, x, logits, routing, (own, part, rows) =>
      fusedGatedMlp(own, name, rows, mlp, {
        names: FUSED,
        linear: (projection, y, shape) => own.stackedLinear(`${projection}.weight`, y, shape, { part, of: experts }),
      }),
    );
    if (sharedSize === 0) return mixed;
    return parts.add(mixed, fusedGatedMlp(parts, `${at}.shared_mlp`, x, shared, { names: FUSED }));
  });
}

interface Particular {
  readonly rotary: readonly RotarySpec[];
  attention(parts: Parts, name: string, layer: number): Partial<SelfAttention>;
  readonly usual: TableDefaults & { readonly epsilon: number };
}

/**
 * @param mlp what stands after attention in the block whose weights' names begin with `at`
 * @param particular what differs from Granite
 */
function granite(
  config: Fields,
  sizes: TrunkSizes,
  mlp: (parts: Parts, at: string, x: Value, layer: number) => Value,
  { rotary = [readRotary(config, sizes)], attention, usual }: Partial<Particular> = {},
): LanguageModel {
  const bias = config.flag('attention_bias', false);
  const norm = readRmsNorm(config, sizes, usual?.epsilon);
  const tables = tokenTables(config, sizes, usual);
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
          const options = { bias, outputBias: bias, scale, ...attention?.(parts, name, layer) };
          return parts.scale(selfAttention(parts, sizes, layer, name, x, options), ofResidual);
        },
        mlp: (_, x) => parts.scale(mlp(parts, `model.layers.${layer}`, x, layer), ofResidual),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
    logits: (parts, states) => parts.scale(tables.logits(parts, states), ofLogits),
  });
}
