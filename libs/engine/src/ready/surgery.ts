import { UserError } from '@sonde/base';
import { MAXIMUM_OUT, maximumInputs, POOL_OUT, type PoolLayout, poolInputs, type TrunkSizes } from '@sonde/networks';
import {
  buildGraph,
  DATA_TYPES,
  type Graph,
  type GraphBuilder,
  type Node,
  type OnnxModel,
  type Value,
} from '@sonde/onnx';
import { elementTypes } from './element-types.ts';
import type { PastLayer, ReadyInterface } from './interface.ts';
import type { Stream } from './stream.ts';

/** The greatest int64, which means "to the end" in a Slice. */
const TO_END = 2n ** 63n - 1n;

/** What the cut graph is made of. `graph` is sorted and shows its sums, as `findStream` read it. */
export interface ReadyDecoder {
  readonly model: OnnxModel;
  readonly graph: Graph;
  readonly io: ReadyInterface;
  readonly stream: Stream;
  readonly sizes: TrunkSizes;
  /** Whether its configuration says that a token attends to a window of the tokens before it. */
  readonly windowed: boolean;
  /** In front of the names of all that is added; no value of the graph begins so. */
  readonly prefix: string;
}

function addGates(g: GraphBuilder, { graph, stream, sizes, prefix }: ReadyDecoder): Map<number, Node> {
  const typeOf = elementTypes(graph);
  const changed = new Map<number, Node>();
  const [attention, mlp] = ['attention_gates', 'mlp_gates'].map((name) =>
    g.input(prefix + name, 'float32', [sizes.layers]),
  );
  for (const { node: index, skip, block, part } of stream.adds) {
    const node = graph.nodes[index]!;
    const fused = node.outputs.length > 3;
    const value = node.inputs.find((name, i) => i !== skip && name !== '')!;
    const type = typeOf(value);
    if (!type)
      throw new UserError('model', `The element type of "${value}", which block ${block} adds, cannot be told.`);
    const gate = g.node('Gather', [part === 'mlp' ? mlp! : attention!, g.constant([block], [])], { axis: 0 });
    const typed = type === 'float32' ? gate : g.node('Cast', [gate], { to: DATA_TYPES[type] });
    // Of a fused addition, input 4 is a bias that is added too; 2 and 3 belong to its norm.
    const isAdded = (i: number): boolean => i !== skip && (!fused || i < 2 || i === 4);
    const inputs = node.inputs.map((name, i) => (name !== '' && isAdded(i) ? g.node('Mul', [name, typed]) : name));
    changed.set(index, { ...node, inputs });
  }
  return changed;
}

/** Makes a block's past of the prompts' cache, kept once a prompt, and of the sequences' own. */
function joinPast(
  g: GraphBuilder,
  { sizes, prefix }: ReadyDecoder,
  layer: PastLayer,
  block: number,
  rows: CacheRows,
): void {
  const { keyValueHeads: H, headSize: D } = sizes;
  const parts = ['key', 'value'].map((part): Value => {
    const ofPrompt = g.input(`${prefix}prompt.${block}.${part}`, 'float32', ['B', H, 'P', D]);
    const own = g.input(`${prefix}past.${block}.${part}`, 'float32', ['BHK', 'S', D]);
    const taken = [
      g.node('Gather', [ofPrompt, rows.ofPrompt], { axis: 0 }),
      g.node('Gather', [own, rows.own], { axis: 0 }),
    ];
    return g.node('Concat', taken, { axis: layer.stacked ? 3 : 2 });
  });
  const joined = layer.stacked ? [g.node('Concat', parts, { axis: 0 })] : parts;
  layer.inputs.forEach((name, i) => {
    g.output(name, g.node('Cast', [joined[i]!], { to: DATA_TYPES[layer.dataType] }), layer.dataType);
  });
}

/** Indices by which caches are rearranged. */
interface CacheRows {
  /** [K of each of B], or [1, …] where keys and values are stacked */
  readonly ofPrompt: Value;
  /** [BK, H], or [1, BK, H] */
  readonly own: Value;
  /** [BHK] into [BK · H], for keys, and for values behind them where they are stacked */
  readonly keys: Value;
  readonly values: Value;
}

/** Takes the new tokens' keys and values out of a block's present. */
function takePresent(
  g: GraphBuilder,
  { sizes, prefix }: ReadyDecoder,
  layer: PastLayer,
  block: number,
  rows: CacheRows,
): void {
  const start = `${prefix}new_start`;
  const shape = `${prefix}present_shape`;
  const axis = g.constant([layer.stacked ? 3 : 2]);
  const taken = layer.outputs.map((name) => {
    const added = g.node('Slice', [name, start, g.constant(BigInt64Array.of(TO_END)), axis]);
    return g.node('Reshape', [added, shape]);
  });
  const parts = [
    ['key', taken[0]!, rows.keys],
    ['value', taken.at(-1)!, layer.stacked ? rows.values : rows.keys],
  ] as const;
  for (const [part, from, index] of parts) {
    const own = g.node('Cast', [g.node('Gather', [from, index], { axis: 0 })], { to: 1 });
    g.output(`${prefix}present.${block}.${part}`, own, 'float32', ['BHK', 'T', sizes.headSize]);
  }
}

function addCaches(g: GraphBuilder, decoder: ReadyDecoder): void {
  const { io, prefix } = decoder;
  const first = io.past[0];
  if (!first) return;
  const lead = first.stacked ? [1] : [];
  const rows: CacheRows = {
    ofPrompt: g.input(`${prefix}prompt_rows`, 'int64', [...lead, 'BK']),
    own: g.input(`${prefix}past_rows`, 'int64', [...lead, 'BK', decoder.sizes.keyValueHeads]),
    keys: g.input(`${prefix}present_keys`, 'int64', ['BHK']),
    values: first.stacked ? g.input(`${prefix}present_values`, 'int64', ['BHK']) : '',
  };
  g.input(`${prefix}new_start`, 'int64', [1]);
  g.input(`${prefix}present_shape`, 'int64', [3]);
  io.past.forEach((layer, block) => {
    joinPast(g, decoder, layer, block, rows);
    takePresent(g, decoder, layer, block, rows);
  });
}

/** Sums and maxima over tokens of every state, as the graphs built here have them. */
function addPools(g: GraphBuilder, decoder: ReadyDecoder, layout: PoolLayout, withMaximum: boolean): void {
  const { stream, prefix, model } = decoder;
  const states = layout.values.map(({ site, layer }) =>
    g.node('Cast', [site === 'normed' ? stream.normed : stream.states[layer]!], { to: 1 }),
  );
  const width = layout.size;
  const { weights, keep, before } = poolInputs(g, width, prefix);
  const sums = states.map((state) => g.node('MatMul', [weights, state]));
  const summed = g.node('Concat', sums, { axis: 2 });
  g.output(prefix + POOL_OUT, g.node('Add', [g.node('Mul', [before, keep]), summed]), 'float32');
  if (!withMaximum) return;
  const { bias, before: soFar } = maximumInputs(g, width, prefix);
  const greatest = states.map((state) => {
    const biased = g.node('Add', [state, bias]);
    // The axes became an input in operator set 18.
    return opsetOf(model) < 18
      ? g.node('ReduceMax', [biased], { axes: [1], keepdims: 0 })
      : g.node('ReduceMax', [biased, g.constant([1])], { keepdims: 0 });
  });
  const joined = g.node('Concat', greatest, { axis: 1 });
  g.output(prefix + MAXIMUM_OUT, g.node('Max', [soFar, joined]), 'float32');
}

/** Lets the head read the wanted rows alone, as sequences of one token. @returns what it reads instead */
function gatherHead(g: GraphBuilder, { stream, sizes, prefix }: ReadyDecoder): Value {
  const rows = g.input(`${prefix}head_rows`, 'int64', ['R', 1]);
  const flat = g.node('Reshape', [stream.normed, g.constant([-1, sizes.hiddenSize])]);
  return g.node('Gather', [flat, rows], { axis: 0 });
}

function opsetOf(model: OnnxModel): number {
  return model.opsets[''] ?? model.opsets['ai.onnx'] ?? 0;
}

/**
 * Cuts a ready decoder graph open: what it computes for a token stays as it is, but its cache comes in two parts (kept
 * once a prompt, and each sequence's own), only the new keys and values leave it, states leave it pooled, the head reads
 * the wanted tokens alone, and each block's attention and MLP have a gate. What is added uses operators that mean the
 * same in every operator set from 11.
 * @throws UserError if the graph is of an older operator set
 */
export function cutGraph(decoder: ReadyDecoder, layout: PoolLayout, withMaximum: boolean): OnnxModel {
  const { model, graph, io, stream, prefix } = decoder;
  if (opsetOf(model) < 11)
    throw new UserError('model', `It is of operator set ${opsetOf(model)}; expected 11 or later.`);
  const g = buildGraph('added', prefix);
  const gated = addGates(g, decoder);
  addCaches(g, decoder);
  addPools(g, decoder, layout, withMaximum);
  const headInput = gatherHead(g, decoder);
  const logits = g.node('Cast', [io.logits.name], { to: 1 });
  g.output(`${prefix}logits`, logits, 'float32');
  const added = g.finish();

  const nodes = graph.nodes.map((node, index): Node => {
    const { inputs, ...rest } = gated.get(index) ?? node;
    return { ...rest, inputs: inputs.map((name) => (name === stream.normed ? headInput : name)) };
  });
  const replaced = new Set(io.past.flatMap((layer) => layer.inputs));
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !replaced.has(name) && !constants.has(name));
  return {
    ...model,
    // From version 4 on, initialisers need not be inputs.
    irVersion: Math.max(model.irVersion, 4),
    graph: {
      name: graph.name || 'decoder',
      nodes: [...nodes, ...added.nodes],
      initializers: [...graph.initializers, ...added.initializers],
      inputs: [...inputs, ...added.inputs],
      outputs: added.outputs.filter(({ name }) => name.startsWith(prefix)),
    },
  };
}
