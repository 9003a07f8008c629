import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { readRotaryOfType } from '../rotary.ts';
import { type HeadSizes, headsOf, type TrunkSizes } from '../sizes.ts';
import {
  fusedGatedMlp,
  gatedMlp,
  type MlpForm,
  type Norm,
  readActivation,
  sequentialBlock,
  tokenTables,
} from './blocks.ts';
import { checkChosen, withExperts } from './experts.ts';
import { type LanguageModel, languageModel, type Trunk } from './network.ts';
import { checkHeads, LAYER_TYPES, type LayerType, readSliding } from './read-sizes.ts';

/** What the class takes where config.json says nothing of positions. */
const USUAL_ROTARY = {
  full_attention: { rope_type: 'proportional', partial_rotary_factor: 0.25, rope_theta: 1_000_000 },
  sliding_attention: { rope_type: 'default', rope_theta: 10_000 },
};

/**
 * Gemma 4 (`Gemma4ForCausalLM`): as Gemma 3, with norms stored as they are and one of values too, larger heads in the layers
 * without a window, keys that are values there, or layers that look at the keys and values of earlier ones; embeddings
 * of each token for each layer (E2B, E4B); experts beside the MLP (26B). Google, Gemma 4, 2026.
 */
export function describeGemma4(config: Fields): LanguageModel {
  refuseBidirectional(config);
  const { sizes, types } = readGemma4Sizes(config);
  const { hiddenSize, heads } = sizes;
  const bias = config.flag('attention_bias', false);
  const keysAreValues = config.flag('attention_k_eq_v', false);
  const logitCap = config.optionalPositive('final_logit_softcapping', null);
  const wider = config.flag('use_double_wide_mlp', false) ? 2 : 1;
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('intermediate_size', 9216),
    activation: readActivation(config, 'hidden_activation', 'gelu_pytorch_tanh'),
    bias: false,
  };
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const norm: Norm = (parts, name, x) => parts.rmsNorm(name, x, hiddenSize, { epsilon });
  const looksBack = (layer: number): boolean => (sizes.keysOfBlocks?.[layer] ?? layer) !== layer;
  const ofTokens = readTokenInputs(config, sizes, epsilon);
  const experts = readExperts(config, mlp, epsilon);
  const tables = tokenTables(config, sizes, { tied: true });
  const rotary = LAYER_TYPES.filter((type) => types.includes(type));

  const attention = (parts: Parts, layer: number, name: string, x: Value): Value => {
    const type = types[layer]!;
    const sliding = type === 'sliding_attention';
    const { keyValueHeads, headSize } = headsOf(sizes, layer);
    const project = (letter: string, count: number): Value =>
      parts.splitHeads(
        parts.linear(`${name}.${letter}_proj`, x, [count * headSize, hiddenSize], bias),
        count,
        headSize,
      );
    const place = (letter: string, y: Value, count: number): Value =>
      parts.rotate(parts.rmsNorm(`${name}.${letter}_norm`, y, headSize, { epsilon }), count, rotary.indexOf(type));
    const query = place('q', project('q', heads), heads);
    const keysAndValues = () => {
      const key = project('k', keyValueHeads);
      const value = keysAreValues && !sliding ? key : project('v', keyValueHeads);
      return { key: place('k', key, keyValueHeads), value: parts.rmsNorm(null, value, headSize, { epsilon }) };
    };
    const projections = looksBack(layer) ? { query } : { query, ...keysAndValues() };
    const attended = parts.attention(layer, projections, { scale: 1, sliding });
    return parts.linear(`${name}.o_proj`, attended, [hiddenSize, heads * headSize], bias);
  };

  return languageModel({
    sizes: experts ? withExperts(sizes, experts.count) : sizes,
    rotary: rotary.map((type) => {
      const { headSize } = headsOf(sizes, types.indexOf(type));
      return readRotaryOfType(config, type, { ...sizes, headSize }, USUAL_ROTARY);
    }),
    embed: (parts, inputIds) => parts.scale(tables.embed(parts, inputIds), Math.sqrt(hiddenSize)),
    ...(ofTokens && { besides: ofTokens.besides }),
    block(parts, layer, hidden, beside) {
      const at = `model.layers.${layer}`;
      const own = looksBack(layer) ? { ...mlp, intermediateSize: wider * mlp.intermediateSize } : mlp;
      const after = sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const attended = attention(parts, layer, `${at}.self_attn`, norm(parts, `${at}.input_layernorm`, x));
          return norm(parts, `${at}.post_attention_layernorm`, attended);
        },
        mlp(x) {
          const made = gatedMlp(parts, `${at}.mlp`, norm(parts, `${at}.pre_feedforward_layernorm`, x), own);
          const all = experts
            ? parts.add(
                norm(parts, `${at}.post_feedforward_layernorm_1`, made),
                norm(parts, `${at}.post_feedforward_layernorm_2`, experts.mix(parts, layer, at, x, norm)),
              )
            : made;
          return norm(parts, `${at}.post_feedforward_layernorm`, all);
        },
      });
      const added = ofTokens ? parts.add(after, ofTokens.add(parts, at, after, beside!, norm, mlp)) : after;
      return parts.gateBlock(layer, hidden, parts.multiply(added, parts.vector(`${at}.layer_scalar`, 1)));
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
    logits(parts, states) {
      const logits = tables.logits(parts, states);
      return logitCap === null ? logits : parts.softcap(logits, logitCap);
    },
  });
}

/** Of images alone tokens may see what comes after them ("vision"). @throws UserError where those of texts do */
function refuseBidirectional(config: Fields): void {
  const value = config.value('use_bidirectional_attention') ?? null;
  if (value === null || value === 'vision') return;
  throw new UserError(
    'model',
    `${config.where}: use_bidirectional_attention is ${JSON.stringify(value)}, which is not supported; text is read from its start.`,
  );
}

function readGemma4Sizes(config: Fields): { readonly sizes: TrunkSizes; readonly types: readonly LayerType[] } {
  const layers = config.count('num_hidden_layers', 30);
  const slides = readSliding(config, layers, (layer) => (layer + 1) % 6 !== 0);
  // The class looks at everything in the last layer, whatever is said of it.
  const types = Array.from({ length: layers }, (_, layer) => LAYER_TYPES[slides(layer) && layer < layers - 1 ? 1 : 0]);
  const heads = config.count('num_attention_heads', 8);
  const headsOfBlocks = readHeads(config, types);
  for (const each of headsOfBlocks) checkHeads(config, heads, each);
  const keysOfBlocks = readKeysOfBlocks(config, types);
  const sizes = {
    layers,
    hiddenSize: config.count('hidden_size', 2304),
    vocabSize: config.count('vocab_size', 262_144),
    maxPositions: config.count('max_position_embeddings', 131_072),
    heads,
    ...headsOfBlocks[0]!,
    window: config.count('sliding_window', 512),
    headsOfBlocks,
    keysOfBlocks,
  };
  return { sizes, types };
}

/** How each block divides into heads: those without a window otherwise, or as `per_layer_config` has it. */
function readHeads(config: Fields, types: readonly LayerType[]): HeadSizes[] {
  const usual = { keyValueHeads: config.count('num_key_value_heads', 4), headSize: config.count('head_dim', 256) };
  const each = config.value('per_layer_config') === undefined ? null : readPerLayer(config);
  const shared = config.flag('attention_k_eq_v', false)
    ? config.optionalCount('num_global_key_value_heads', null)
    : null;
  return types.map((type, layer) => {
    if (each) {
      const own = each.get(layer);
      return {
        keyValueHeads: own?.count('num_key_value_heads', usual.keyValueHeads) ?? usual.keyValueHeads,
        headSize: own?.count('head_dim', usual.headSize) ?? usual.headSize,
      };
    }
    if (type === 'sliding_attention') return usual;
    return { keyValueHeads: shared ?? usual.keyValueHeads, headSize: config.count('global_head_dim', 512) };
  });
}

const OF_LAYERS = ['head_dim', 'num_key_value_heads'];

/** What `per_layer_config` says of some layers. @throws UserError for a field that is not of their heads */
function readPerLayer(config: Fields): ReadonlyMap<number, Fields> {
  const group = config.group('per_layer_config');
  const layers = (group?.names() ?? []).map((name) => [Number(name), group!.group(name)!] as const);
  for (const [, own] of layers) {
    const unknown = own.names().find((name) => !OF_LAYERS.includes(name));
    if (unknown === undefined) continue;
    throw new UserError(
      'model',
      `${own.where}: ${unknown} is not supported for layers of their own; supported: ${OF_LAYERS.join(', ')}.`,
    );
  }
  return new Map(layers);
}

/** The last `num_kv_shared_layers` look at the keys and values of the last layer of their type before them. */
function readKeysOfBlocks(config: Fields, types: readonly LayerType[]): number[] {
  const shared = config.whole('num_kv_shared_layers', 0);
  const own = types.slice(0, Math.max(0, types.length - shared));
  return types.map((type, layer) => {
    if (layer < own.length) return layer;
    const found = own.lastIndexOf(type);
    if (found >= 0) return found;
    throw new UserError(
      'model',
      `${config.where}: num_kv_shared_layers is ${shared}, which leaves no layer of type ${type} whose keys and values layer ${layer} could share.`,
    );
  });
}

interface TokenInputs extends Required<Pick<Trunk, 'besides'>> {
  /** What a block makes of its own embedding of each token. */
  add(parts: Parts, at: string, x: Value, beside: Value, norm: Norm, mlp: MlpForm): Value;
}

/** Embeddings of each token for each layer, beside those that the stream begins with; null where there are none. */
function readTokenInputs(config: Fields, sizes: TrunkSizes, epsilon: number): TokenInputs | null {
  const { layers, hiddenSize } = sizes;
  const size = config.whole('hidden_size_per_layer_input', 256);
  if (size === 0) return null;
  const all = layers * size;
  const table = [config.count('vocab_size_per_layer_input', 262_144), all] as const;
  return {
    besides(parts, inputIds, hidden) {
      const own = parts.scale(parts.embedding('model.embed_tokens_per_layer', inputIds, table), Math.sqrt(size));
      const projected = parts.linear('model.per_layer_model_projection', hidden, [all, hiddenSize], false);
      const normed = parts.rmsNorm(
        'model.per_layer_projection_norm',
        parts.splitHeads(parts.scale(projected, hiddenSize ** -0.5), layers, size),
        size,
        { epsilon },
      );
      const both = parts.scale(parts.add(normed, parts.splitHeads(own, layers, size)), 2 ** -0.5);
      return parts.splitGroups(both, 1, new Array<number>(layers).fill(size));
    },
    add(parts, at, x, beside, norm, { activation }) {
      const gate = parts.activation(
        activation,
        parts.linear(`${at}.per_layer_input_gate`, x, [size, hiddenSize], false),
      );
      const gated = parts.multiply(gate, beside);
      const made = parts.linear(`${at}.per_layer_projection`, gated, [hiddenSize, size], false);
      return norm(parts, `${at}.post_per_layer_input_norm`, made);
    },
  };
}

interface Experts {
  readonly count: number;
  /** The sum of the experts that a token's router chooses. @param at the block's name */
  mix(parts: Parts, layer: number, at: string, x: Value, norm: Norm): Value;
}

/** Experts beside the MLP; null where there are none. */
function readExperts(config: Fields, mlp: MlpForm, epsilon: number): Experts | null {
  if (!config.flag('enable_moe_block', false)) return null;
  const { hiddenSize } = mlp;
  const count = config.count('num_experts');
  const routing = { experts: count, chosen: config.count('top_k_experts'), normed: true };
  const own = { ...mlp, intermediateSize: config.count('moe_intermediate_size') };
  checkChosen(config, routing);
  return {
    count,
    mix(parts, layer, at, x, norm) {
      const normed = parts.rmsNorm(null, x, hiddenSize, { epsilon });
      const scaled = parts.multiply(normed, parts.vector(`${at}.router.scale`, hiddenSize));
      const looking = parts.scale(scaled, hiddenSize ** -0.5);
      const logits = parts.router(`${at}.router.proj`, looking, [count, hiddenSize], false);
      const expert = (inner: Parts, part: number, rows: Value): Value =>
        fusedGatedMlp(inner, `${at}.experts`, rows, own, {
          linear: (name, y, shape) => inner.stackedLinear(name, y, shape, { part, of: count }),
        });
      const scales = parts.vector(`${at}.router.per_expert_scale`, count);
      return parts.mixture(layer, norm(parts, `${at}.pre_feedforward_layernorm_2`, x), logits, routing, expert, {
        scales,
      });
    },
  };
}
