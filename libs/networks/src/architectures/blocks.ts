import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import { ACTIVATION_NAMES, type Activation } from '../graph/activations.ts';
import type { AttentionOptions } from '../graph/attention.ts';
import type { Parts } from '../graph/parts.ts';
import type { TrunkSizes } from '../sizes.ts';
import type { NextToken, Trunk } from './network.ts';

/** What attention and MLP add to the residual stream that they read. */
export interface Branches {
  attention(hidden: Value): Value;
  mlp(hidden: Value): Value;
}

/** The MLP reads what attention has left. */
export function sequentialBlock(parts: Parts, layer: number, hidden: Value, { attention, mlp }: Branches): Value {
  const middle = parts.add(hidden, parts.gateAttention(layer, attention(hidden)));
  return parts.add(middle, parts.gateMlp(layer, mlp(middle)));
}

/** Both read the block's input. */
export function parallelBlock(parts: Parts, layer: number, hidden: Value, { attention, mlp }: Branches): Value {
  const both = parts.add(parts.gateMlp(layer, mlp(hidden)), parts.gateAttention(layer, attention(hidden)));
  return parts.add(both, hidden);
}

/** The sums are normed, as in the first transformers: the stream is what a norm gives. */
export function normedSumBlock(
  parts: Parts,
  layer: number,
  hidden: Value,
  norms: Branches,
  { attention, mlp }: Branches,
): Value {
  const middle = norms.attention(parts.add(parts.gateAttention(layer, attention(hidden)), hidden));
  return norms.mlp(parts.add(parts.gateMlp(layer, mlp(middle)), middle));
}

/** Attention and MLP add to what they read, which a norm gives: the stream is normed before each of them. */
export function normedStreamBlock(
  parts: Parts,
  layer: number,
  hidden: Value,
  norms: Branches,
  { attention, mlp }: Branches,
): Value {
  const first = norms.attention(hidden);
  const second = norms.mlp(parts.add(first, parts.gateAttention(layer, attention(first))));
  return parts.gateBlock(layer, hidden, parts.add(second, parts.gateMlp(layer, mlp(second))));
}

/** A norm of hidden states, whose weights have the given name. */
export type Norm = (parts: Parts, name: string, x: Value) => Value;

/** What a block's parts do with their input, given the name of their weights. */
export interface NamedBranches {
  attention(name: string, x: Value): Value;
  mlp(name: string, x: Value): Value;
}

/** Norms before attention and before the MLP, under the names of Llama and its like. */
export function preNormBlock(
  parts: Parts,
  layer: number,
  hidden: Value,
  norm: Norm,
  { attention, mlp }: NamedBranches,
): Value {
  const at = `model.layers.${layer}`;
  return sequentialBlock(parts, layer, hidden, {
    attention: (x) => attention(`${at}.self_attn`, norm(parts, `${at}.input_layernorm`, x)),
    mlp: (x) => mlp(`${at}.mlp`, norm(parts, `${at}.post_attention_layernorm`, x)),
  });
}

/** Norms after attention and after the MLP, before they are added, under the names of OLMo 2 and its like. */
export function postNormBlock(
  parts: Parts,
  layer: number,
  hidden: Value,
  norm: Norm,
  { attention, mlp }: NamedBranches,
): Value {
  const at = `model.layers.${layer}`;
  return sequentialBlock(parts, layer, hidden, {
    attention: (x) => norm(parts, `${at}.post_attention_layernorm`, attention(`${at}.self_attn`, x)),
    mlp: (x) => norm(parts, `${at}.post_feedforward_layernorm`, mlp(`${at}.mlp`, x)),
  });
}

export interface SelfAttention extends AttentionOptions {
  /** Whether the projections to queries, keys and values have a bias. */
  readonly bias: boolean;
  readonly outputBias: boolean;
  /** Norm of queries and keys before they are rotated; `name` is that of the norm's weight. */
  readonly norm?: (name: string, x: Value, heads: number) => Value;
  /** The same, after they are rotated. */
  readonly normRotated?: SelfAttention['norm'];
  /** The names of those norms; `q_norm` and `k_norm` if not given. */
  readonly normNames?: { readonly q: string; readonly k: string };
  /** Queries, keys and values are limited to ±clip, after a norm. */
  readonly clip?: number | null;
  /** Which of the decoder's rotary embeddings rotates queries and keys; null: none does. */
  readonly rotary?: number | null;
  /** The output projection's name; `o_proj` if not given. */
  readonly output?: string;
}

const NORMS = { q: 'q_norm', k: 'k_norm' };

/** RMSNorm of each query and key head, as `norm` and `normRotated` take it; without a weight where it is given no name. */
export function headRmsNorm(parts: Parts, { headSize }: TrunkSizes, epsilon: number) {
  return (name: string | null, x: Value, heads: number): Value =>
    parts.rmsNorm(name, parts.splitHeads(x, heads, headSize), headSize, { epsilon });
}

/** RMSNorm of all queries together and of all keys, as `norm` takes it. */
export function allHeadsRmsNorm(parts: Parts, { headSize }: TrunkSizes, epsilon: number) {
  return (name: string, x: Value, heads: number): Value => parts.rmsNorm(name, x, heads * headSize, { epsilon });
}

/** Attention with a projection each for queries, keys, values and the output: `q_proj`, `k_proj`, `v_proj`, `o_proj`. */
export function selfAttention(
  parts: Parts,
  sizes: TrunkSizes,
  layer: number,
  name: string,
  x: Value,
  {
    bias,
    outputBias,
    norm,
    normRotated,
    normNames = NORMS,
    clip,
    rotary,
    output = 'o_proj',
    ...options
  }: SelfAttention,
): Value {
  const { hiddenSize, heads, keyValueHeads, headSize } = sizes;
  const project = (letter: string, count: number): Value => {
    return parts.linear(`${name}.${letter}_proj`, x, [count * headSize, hiddenSize], bias);
  };
  const limit = (y: Value): Value => (clip ? parts.clip(y, clip) : y);
  const place = (letter: 'q' | 'k', count: number): Value => {
    const y = project(letter, count);
    const ofNorm = `${name}.${normNames[letter]}`;
    const limited = limit(norm ? norm(ofNorm, y, count) : y);
    const rotated = rotary === null ? limited : parts.rotate(limited, count, rotary);
    return normRotated ? normRotated(ofNorm, rotated, count) : rotated;
  };
  const projections = {
    query: place('q', heads),
    key: place('k', keyValueHeads),
    value: limit(project('v', keyValueHeads)),
  };
  const attended = parts.attention(layer, projections, options);
  return parts.linear(`${name}.${output}`, attended, [hiddenSize, heads * headSize], outputBias);
}

export interface MlpForm {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly activation: Activation;
  readonly bias: boolean;
  /** Of a gated MLP's projections, where they are not `gate_proj`, `up_proj` and `down_proj`. */
  readonly names?: { readonly gate: string; readonly up: string; readonly down: string };
}

const PROJECTIONS = { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' };

/** down(activation(gate(x)) · up(x)): SwiGLU and its like (Shazeer, arXiv 2002.05202). */
export function gatedMlp(parts: Parts, name: string, x: Value, options: MlpForm): Value {
  const { hiddenSize, intermediateSize, activation, bias, names = PROJECTIONS } = options;
  const gate = parts.activation(
    activation,
    parts.linear(`${name}.${names.gate}`, x, [intermediateSize, hiddenSize], bias),
  );
  const up = parts.linear(`${name}.${names.up}`, x, [intermediateSize, hiddenSize], bias);
  return parts.linear(`${name}.${names.down}`, parts.multiply(gate, up), [hiddenSize, intermediateSize], bias);
}

/** Of a gated MLP whose gate lies before what it gates in one projection. */
interface FusedProjections {
  readonly names?: { readonly gateUp: string; readonly down: string };
  /** What its layers are, where they are not those of `parts.linear` with the MLP's bias. */
  readonly linear?: (name: string, x: Value, shape: readonly [number, number]) => Value;
}

/** The same with one projection, `gate_up_proj` if not named, for the gate and what it gates. */
export function fusedGatedMlp(
  parts: Parts,
  name: string,
  x: Value,
  { hiddenSize, intermediateSize, activation, bias }: Omit<MlpForm, 'names'>,
  {
    names = { gateUp: 'gate_up_proj', down: 'down_proj' },
    linear = (at, y, shape) => parts.linear(at, y, shape, bias),
  }: FusedProjections = {},
): Value {
  const fused = linear(`${name}.${names.gateUp}`, x, [2 * intermediateSize, hiddenSize]);
  const [gate, up] = parts.split(fused, [intermediateSize, intermediateSize]);
  const gated = parts.multiply(parts.activation(activation, gate!), up!);
  return linear(`${name}.${names.down}`, gated, [hiddenSize, intermediateSize]);
}

/** down(activation(up(x))), under the given names. */
export function plainMlp(
  parts: Parts,
  { up, down }: { readonly up: string; readonly down: string },
  x: Value,
  { hiddenSize, intermediateSize, activation, bias }: MlpForm,
): Value {
  const wide = parts.linear(up, x, [intermediateSize, hiddenSize], bias);
  return parts.linear(down, parts.activation(activation, wide), [hiddenSize, intermediateSize], bias);
}

export function readGatedMlp(config: Fields, sizes: TrunkSizes, bias = false): MlpForm {
  return readMlp(config, sizes, 'silu', bias);
}

/** @param activation the class's, where `hidden_act` names none */
export function readMlp(config: Fields, sizes: TrunkSizes, activation: Activation, bias = false): MlpForm {
  return {
    hiddenSize: sizes.hiddenSize,
    intermediateSize: config.count('intermediate_size'),
    activation: readActivation(config, 'hidden_act', activation),
    bias,
  };
}

export function readActivation(config: Fields, field: string, otherwise: Activation): Activation {
  return config.oneOf(field, ACTIVATION_NAMES, otherwise);
}

/** What tables a class has where config.json does not say. */
export interface TableDefaults {
  /** Whether one table serves tokens and output; false if not given. */
  readonly tied?: boolean;
  /** Whether the output head has a bias; false if not given. */
  readonly headBias?: boolean;
}

/** Token embedding and output head under their usual names; one table serves both where they are tied. */
export function tokenTables(
  config: Fields,
  sizes: TrunkSizes,
  { tied = false, headBias = false }: TableDefaults = {},
): Pick<Trunk, 'embed'> & NextToken {
  const shape = [sizes.vocabSize, sizes.hiddenSize] as const;
  const embedding = 'model.embed_tokens';
  const head = config.flag('tie_word_embeddings', tied) ? embedding : 'lm_head';
  return {
    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, shape),
    logits: headBias
      ? headWithBias(config, embedding, shape, tied)
      : (parts, states) => parts.linear(head, states, shape, false),
  };
}

/** An output head with a bias of its own, which may share its weight with the embedding. */
export function headWithBias(
  config: Fields,
  embedding: string,
  shape: readonly [number, number],
  tied = false,
): NextToken['logits'] {
  if (!config.flag('tie_word_embeddings', tied)) {
    return (parts, states) => parts.linear('lm_head', states, shape, true);
  }
  return (parts, states) =>
    parts.add(parts.linear(embedding, states, shape, false), parts.vector('lm_head.bias', shape[0]));
}

/** LayerNorm of hidden states with the epsilon that config.json names. */
export function readLayerNorm(
  config: Fields,
  { hiddenSize }: Pick<TrunkSizes, 'hiddenSize'>,
  options: { readonly field?: string; readonly offset?: number; readonly bias?: boolean } = {},
): Norm {
  const { field = 'layer_norm_eps', ...rest } = options;
  const epsilon = config.positive(field, 1e-5);
  return (parts, name, x) => parts.layerNorm(name, x, hiddenSize, { epsilon, ...rest });
}

/** RMSNorm of hidden states with the epsilon that config.json names. */
export function readRmsNorm(config: Fields, { hiddenSize }: TrunkSizes, epsilon = 1e-6): Norm {
  const options = { epsilon: config.positive('rms_norm_eps', epsilon) };
  return (parts, name, x) => parts.rmsNorm(name, x, hiddenSize, options);
}
