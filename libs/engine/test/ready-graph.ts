import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  buildGraph,
  encodeModel,
  float,
  type Graph,
  type GraphBuilder,
  type OnnxModel,
  type TensorValue,
  type Value,
} from '@sonde/onnx';
import type { TensorEntry } from '@sonde/tensors';
import { numbers, randomWeights, TINY, type TinyOptions, writeTiny } from './tiny.ts';

/**
 * How an exporter writes a Llama. `plain`: standard operators alone, norms and rotations taken apart, positions and mask
 * from outside. `counted`: the same, but positions are counted inside. `fused`: the fused operators of ONNX Runtime,
 * where the mask gives no more than lengths and positions are counted inside. `parallel`: as `plain`, but attention and
 * MLP read the same norm and are added at once, which makes it another model.
 */
export type Style = 'plain' | 'counted' | 'fused' | 'parallel';

/** What a style needs the tiny Llama to be: the fused attention wants heads of a multiple of 16. */
export function tinyOf(style: Style, options: TinyOptions = {}): TinyOptions {
  if (style !== 'fused') return options;
  const config = { num_attention_heads: 1, num_key_value_heads: 1, ...options.config };
  return { ...options, config, change: widen };
}

function widen(weights: Record<string, TensorEntry>): void {
  Object.keys(weights).forEach((name, i) => {
    if (/[kv]_proj/.test(name)) weights[name] = { dtype: 'F32', shape: [d, d], data: numbers(100 + i, d * d, 0.6) };
  });
}

const { layers, hiddenSize: d, vocabSize } = TINY;
const EPSILON = 1e-5;

interface Exporter {
  readonly g: GraphBuilder;
  readonly weights: Readonly<Record<string, TensorEntry>>;
  readonly heads: number;
  readonly H: number;
  readonly D: number;
}

function exporterOf(style: Style): Exporter {
  const g = buildGraph('main_graph');
  const weights = randomWeights();
  if (style === 'fused') widen(weights);
  const [heads, H] = style === 'fused' ? [1, 1] : [TINY.heads, TINY.keyValueHeads];
  return { g, weights, heads, H, D: d / heads };
}

function weight({ g, weights }: Exporter, name: string, transposed = false): Value {
  const { shape, data } = weights[`${name}.weight`]!;
  const values = data as Float32Array;
  if (!transposed) return g.constant(values, [...shape]);
  const [rows, columns] = shape as [number, number];
  const turned = Float32Array.from(
    { length: values.length },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!,
  );
  return g.constant(turned, [columns, rows]);
}

const linear = (to: Exporter, name: string, x: Value): Value => to.g.node('MatMul', [x, weight(to, name, true)]);

function rmsNorm(to: Exporter, name: string, x: Value): Value {
  const { g } = to;
  const square = g.node('ReduceMean', [g.node('Pow', [x, g.scalar(2)])], { axes: [-1] });
  const root = g.node('Sqrt', [g.node('Add', [square, g.scalar(EPSILON)])]);
  const scaled = g.node('Mul', [x, g.node('Div', [g.scalar(1), root])]);
  return g.node('Mul', [weight(to, name), scaled]);
}

const dimension = (g: GraphBuilder, of: Value, axis: number): Value =>
  g.node('Gather', [g.node('Shape', [of]), g.constant([axis], [])], { axis: 0 });

/** What all blocks share: the mask and the turns of the positions. */
function shared({ g, D }: Exporter, style: Style): { bias: Value; cos: Value; sin: Value } {
  const [total, T] = [dimension(g, 'attention_mask', 1), dimension(g, 'input_ids', 1)];
  const range = (from: Value, to: Value, axis: number): Value =>
    g.node('Unsqueeze', [g.node('Range', [from, to, g.constant([1], [])]), g.constant([axis])]);
  const before = g.node('LessOrEqual', [
    range(g.constant([0], []), total, 0),
    range(g.node('Sub', [total, T]), total, 1),
  ]);
  const seen = g.node('Unsqueeze', [g.node('Cast', ['attention_mask'], { to: 9 }), g.constant([1, 2])]);
  const bias = g.node('Where', [g.node('And', [before, seen]), g.scalar(0), g.scalar(-3.4e38)]);
  const inverse = Float32Array.from({ length: D / 2 }, (_, i) => 10000 ** ((-2 * i) / D));
  const counted = style === 'counted' ? range(g.node('Sub', [total, T]), total, 0) : 'position_ids';
  const positions = g.node('Unsqueeze', [g.node('Cast', [counted], { to: 1 }), g.constant([1, 3])]);
  const half = g.node('Mul', [positions, g.constant(inverse)]);
  const angles = g.node('Concat', [half, half], { axis: -1 });
  return { bias, cos: g.node('Cos', [angles]), sin: g.node('Sin', [angles]) };
}

function rotate({ g, D }: Exporter, x: Value, cos: Value, sin: Value): Value {
  const part = (from: number, to: number): Value =>
    g.node('Slice', [x, g.constant([from]), g.constant([to]), g.constant([3])]);
  const turned = g.node('Concat', [g.node('Neg', [part(D / 2, D)]), part(0, D / 2)], { axis: -1 });
  return g.node('Add', [g.node('Mul', [x, cos]), g.node('Mul', [turned, sin])]);
}

function plainAttention(to: Exporter, at: string, layer: number, x: Value, of: ReturnType<typeof shared>): Value {
  const { g, heads, H, D } = to;
  const split = (name: string, count: number): Value => {
    const projected = g.node('Reshape', [linear(to, `${at}.${name}`, x), g.constant([0, 0, count, D])]);
    return g.node('Transpose', [projected], { perm: [0, 2, 1, 3] });
  };
  const grow = (part: 'key' | 'value', value: Value): Value => {
    g.output(
      `present.${layer}.${part}`,
      g.node('Concat', [`past_key_values.${layer}.${part}`, value], { axis: 2 }),
      'float32',
      ['B', H, 'total', D],
    );
    const wide = g.node('Unsqueeze', [`present.${layer}.${part}`, g.constant([2])]);
    const each = g.node('Expand', [wide, g.constant([1, 1, heads / H, 1, 1])]);
    return g.node('Reshape', [each, g.constant([0, heads, -1, D])]);
  };
  const query = rotate(to, split('q_proj', heads), of.cos, of.sin);
  const key = grow('key', rotate(to, split('k_proj', H), of.cos, of.sin));
  const value = grow('value', split('v_proj', H));
  const scores = g.node('MatMul', [query, g.node('Transpose', [key], { perm: [0, 1, 3, 2] })]);
  const scaled = g.node('Mul', [scores, g.scalar(1 / Math.sqrt(D))]);
  const attended = g.node('MatMul', [g.node('Softmax', [g.node('Add', [scaled, of.bias])], { axis: -1 }), value]);
  const back = g.node('Reshape', [g.node('Transpose', [attended], { perm: [0, 2, 1, 3] }), g.constant([0, 0, d])]);
  return linear(to, `${at}.o_proj`, back);
}

function fusedAttention(to: Exporter, at: string, layer: number, x: Value): Value {
  const { g, heads, H, D } = to;
  const turns = (of: (x: number) => number): Value => {
    const data = Float32Array.from({ length: (64 * D) / 2 }, (_, i) => {
      const [position, pair] = [Math.floor(i / (D / 2)), i % (D / 2)];
      return of(position * 10000 ** ((-2 * pair) / D));
    });
    return g.constant(data, [64, D / 2]);
  };
  const int32 = (value: Value): Value => g.node('Cast', [value], { to: 6 });
  const lengths = g.node('ReduceSum', ['attention_mask', g.constant([1])], { keepdims: 1 });
  const [attended, key, value] = g.nodes(
    3,
    'com.microsoft::GroupQueryAttention',
    [
      ...['q_proj', 'k_proj', 'v_proj'].map((name) => linear(to, `${at}.${name}`, x)),
      `past_key_values.${layer}.key`,
      `past_key_values.${layer}.value`,
      int32(g.node('Sub', [lengths, g.constant([1])])),
      int32(dimension(g, 'attention_mask', 1)),
      turns(Math.cos),
      turns(Math.sin),
    ],
    { num_heads: heads, kv_num_heads: H, do_rotary: 1 },
  );
  g.output(`present.${layer}.key`, key!, 'float32', ['B', H, 'total', D]);
  g.output(`present.${layer}.value`, value!, 'float32', ['B', H, 'total', D]);
  return linear(to, `${at}.o_proj`, attended!);
}

function mlp(to: Exporter, at: string, x: Value): Value {
  const { g } = to;
  const gate = linear(to, `${at}.gate_proj`, x);
  const silu = g.node('Mul', [gate, g.node('Sigmoid', [gate])]);
  return linear(to, `${at}.down_proj`, g.node('Mul', [silu, linear(to, `${at}.up_proj`, x)]));
}

/** The tiny Llama of `tiny.ts`, as exporters write such models. */
export function readyGraph(style: Style): Graph {
  const to = exporterOf(style);
  const { g, H, D } = to;
  g.input('input_ids', 'int64', ['B', 'T']);
  g.input('attention_mask', 'int64', ['B', 'total']);
  if (style === 'plain' || style === 'parallel') g.input('position_ids', 'int64', ['B', 'T']);
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ['key', 'value']) g.input(`past_key_values.${layer}.${part}`, 'float32', ['B', H, 'past', D]);
  }
  const of = style === 'fused' ? null : shared(to, style);
  let stream = g.node('Gather', [weight(to, 'model.embed_tokens'), 'input_ids']);
  let normed: Value | null = null;
  const first = (name: string): Value =>
    g.node('SimplifiedLayerNormalization', [stream, weight(to, name)], {
      axis: -1,
      epsilon: float(EPSILON),
      stash_type: 1,
    });
  /** Adds to the stream and gives the next norm of it. */
  const add = (value: Value, norm: string): Value => {
    if (of) {
      stream = g.node('Add', [stream, value]);
      return rmsNorm(to, norm, stream);
    }
    const inputs = [stream, value, weight(to, norm)];
    const outputs = g.nodes(4, 'com.microsoft::SkipSimplifiedLayerNormalization', inputs, { epsilon: float(EPSILON) });
    stream = outputs[3]!;
    return outputs[0]!;
  };
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    normed ??= of ? rmsNorm(to, `${at}.input_layernorm`, stream) : first(`${at}.input_layernorm`);
    const attention = of
      ? plainAttention(to, `${at}.self_attn`, layer, normed, of)
      : fusedAttention(to, `${at}.self_attn`, layer, normed);
    const next = layer + 1 < layers ? `model.layers.${layer + 1}.input_layernorm` : 'model.norm';
    if (style === 'parallel') {
      normed = add(g.node('Add', [attention, mlp(to, `${at}.mlp`, normed)]), next);
      continue;
    }
    normed = add(attention, `${at}.post_attention_layernorm`);
    normed = add(mlp(to, `${at}.mlp`, normed), next);
  }
  g.output('logits', linear(to, 'lm_head', normed!), 'float32', ['B', 'T', vocabSize]);
  return unnamed(g.finish());
}

/** The last sum of a fused addition is often not asked for; leaves it out as exporters do. */
function unnamed(graph: Graph): Graph {
  const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const nodes = graph.nodes.map((node) =>
    node.opType === 'SkipSimplifiedLayerNormalization'
      ? { ...node, outputs: node.outputs.map((name, i) => (i === 0 || used.has(name) ? name : '')) }
      : node,
  );
  return { ...graph, nodes };
}

export interface ReadyOptions {
  readonly style?: Style;
  readonly tiny?: TinyOptions;
  /** Where the graph lies in the folder. */
  readonly file?: string;
  /** Changes the graph before it is written. */
  readonly change?: (graph: Graph) => Graph;
  /** Writes initialisers to a file beside the graph, under this name in the graph. */
  readonly external?: string;
}

/** Moves large initialisers into bytes that lie elsewhere. */
function moveOut(graph: Graph, location: string): { graph: Graph; data: Buffer } {
  const parts: Uint8Array[] = [];
  let offset = 0;
  const initializers = graph.initializers.map((tensor): TensorValue => {
    if (!tensor.raw || tensor.raw.length < 64) return tensor;
    const { name, dataType, dims, raw } = tensor;
    const moved = { name, dataType, dims, external: { location, offset, length: raw.length } };
    parts.push(raw);
    offset += raw.length;
    return moved;
  });
  return { graph: { ...graph, initializers }, data: Buffer.concat(parts) };
}

/** Writes a folder with a ready graph instead of safetensors. @returns the folder */
export async function writeReady(folder: string, options: ReadyOptions = {}): Promise<string> {
  const style = options.style ?? 'plain';
  await writeTiny(folder, tinyOf(style, options.tiny));
  await rm(join(folder, 'model.safetensors'));
  const file = join(folder, options.file ?? 'onnx/model.onnx');
  await mkdir(dirname(file), { recursive: true });
  let graph = readyGraph(style);
  if (options.change) graph = options.change(graph);
  if (options.external !== undefined) {
    const moved = moveOut(graph, options.external);
    graph = moved.graph;
    await writeFile(join(dirname(file), 'model.onnx_data'), moved.data);
  }
  const model: OnnxModel = { irVersion: 7, producerName: 'test', opsets: { '': 14, 'com.microsoft': 1 }, graph };
  await writeFile(file, encodeModel(model));
  return folder;
}
