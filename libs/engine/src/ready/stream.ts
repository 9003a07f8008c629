import { UserError } from '@sonde/base';
import type { Graph, Node } from '@sonde/onnx';
import type { ReadyInterface } from './interface.ts';
import { producersOf, readsOf } from './nodes.ts';

/** Adds and norms in one; output 3 is the sum. */
const FUSED_ADDS = new Set(['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization']);
const PLAIN_ADDS = new Set(['Add', 'Sum']);
const EMBEDDINGS = new Set(['Gather', 'EmbedLayerNormalization', 'GatherBlockQuantized']);
/** Give a value on as it is, in another shape or type. */
const PASSES = new Set(['Cast', 'Identity', 'Dropout']);
const RESHAPES = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);
const SHAPES = new Set(['Shape', 'Size']);
const HEADS = new Set([
  'MatMul',
  'Gemm',
  'FusedMatMul',
  'MatMulNBits',
  'MatMulBnb4',
  'MatMulInteger',
  'MatMulIntegerToFloat',
  'DynamicQuantizeMatMul',
  'QLinearMatMul',
]);
/** What may stand between the final norm and the head without being part of the norm. */
const BEFORE_HEAD = new Set(['DynamicQuantizeLinear', 'QuantizeLinear', 'Slice', 'Gather', 'Identity']);
const ATTENTION = new Set(['Softmax', 'Attention', 'MultiHeadAttention', 'GroupQueryAttention', 'PackedAttention']);

/** A place where something is added to the residual stream. */
export interface ResidualAdd {
  /** Index of its node. */
  readonly node: number;
  /** Which of the node's inputs is the stream; the others are added to it. */
  readonly skip: number;
  /** The block it belongs to, from 0. */
  readonly block: number;
  /** `both`: attention and MLP are added at once, or a block has one of them alone. */
  readonly part: 'attention' | 'mlp' | 'both';
}

/** The residual stream of a decoder graph. */
export interface Stream {
  readonly adds: readonly ResidualAdd[];
  /** Values of the stream before block 0, 1, … L − 1, and after the last one. */
  readonly states: readonly string[];
  /** What the head reads: the last state after the final norm. */
  readonly normed: string;
}

/** Gives every fused addition its sum as an output, under a name of its own if it has none. */
export function exposeSums(nodes: readonly Node[], prefix: string): Node[] {
  return nodes.map((node, index) => {
    if (!FUSED_ADDS.has(node.opType) || node.outputs[3]) return node;
    const [normed = '', mean = '', deviation = ''] = node.outputs;
    return { ...node, outputs: [normed, mean, deviation, `${prefix}sum_${index}`] };
  });
}

/** Values that the tokens' embeddings reach, and the nodes that make them. */
function spread(nodes: readonly Node[], inputIds: string): { values: Set<string>; made: Set<number> } {
  const ids = new Set([inputIds]);
  const values = new Set<string>();
  const made = new Set<number>();
  nodes.forEach((node, index) => {
    const takes = (of: Set<string>): boolean => readsOf(node).some((name) => of.has(name));
    const embeds =
      EMBEDDINGS.has(node.opType) && ids.has(node.inputs[node.opType === 'EmbedLayerNormalization' ? 0 : 1]!);
    if (SHAPES.has(node.opType)) return;
    if (embeds || takes(values)) {
      made.add(index);
      for (const name of node.outputs) if (name !== '') values.add(name);
    } else if ((PASSES.has(node.opType) || RESHAPES.has(node.opType)) && ids.has(node.inputs[0]!)) {
      ids.add(node.outputs[0]!);
    }
  });
  return { values, made };
}

/** The blocks whose past each value outside the stream carries. */
function tagPast(nodes: readonly Node[], past: ReadyInterface['past'], stream: Set<string>): Map<string, Set<number>> {
  const tags = new Map<string, Set<number>>();
  past.forEach(({ inputs }, block) => {
    for (const name of inputs) tags.set(name, new Set([block]));
  });
  for (const node of nodes) {
    if (SHAPES.has(node.opType) || node.outputs.some((name) => stream.has(name))) continue;
    const found = readsOf(node).flatMap((name) => [...(tags.get(name) ?? [])]);
    if (found.length > 0) for (const name of node.outputs) tags.set(name, new Set(found));
  }
  return tags;
}

/**
 * Nodes through which every path from the embeddings to the logits goes, in order. Between two of them the graph
 * forks: one way is the stream itself, the other attention or an MLP.
 */
function narrows(nodes: readonly Node[], onPath: readonly number[], producers: ReadonlyMap<string, number>): number[] {
  const place = new Map(onPath.map((node, i) => [node, i]));
  const reach = onPath.map((_, i) => i);
  let sources = 0;
  onPath.forEach((node, i) => {
    const from = readsOf(nodes[node]!).flatMap((name) => place.get(producers.get(name) ?? -1) ?? []);
    for (const before of from) reach[before] = Math.max(reach[before]!, i);
    if (from.length === 0) sources = i;
  });
  let furthest = sources;
  return onPath.filter((_, i) => {
    const narrow = furthest <= i;
    furthest = Math.max(furthest, reach[i]!);
    return narrow;
  });
}

/** Which of an addition's inputs is the stream; −1 if none is. */
function skipOf(
  nodes: readonly Node[],
  node: Node,
  narrow: Set<number>,
  producers: ReadonlyMap<string, number>,
): number {
  const last = FUSED_ADDS.has(node.opType) ? 2 : node.inputs.length;
  return node.inputs.slice(0, last).findIndex((name) => {
    let from = producers.get(name);
    while (from !== undefined && !narrow.has(from) && PASSES.has(nodes[from]!.opType)) {
      from = producers.get(nodes[from]!.inputs[0]!);
    }
    return from !== undefined && narrow.has(from);
  });
}

/**
 * Finds the residual stream of a decoder by its form, not by names: additions through which every path from the
 * embeddings to the logits goes, each with the stream on one side and, on the other, what was computed from it; those
 * whose other side reads a block's past are the attention of that block.
 * @param graph sorted, with the sums of fused additions as outputs
 * @param expected the number of blocks, where something beside the graph says it
 * @throws UserError that says what was found where the stream cannot be recognised
 */
export function findStream(graph: Graph, io: ReadyInterface, expected: number | null): Stream {
  const { nodes } = graph;
  const producers = producersOf(nodes);
  const { values, made } = spread(nodes, io.inputIds.name);
  const end = producers.get(io.logits.name);
  if (made.size === 0) throw new UserError('model', 'No embedding of input_ids was found in it.');
  if (end === undefined || !made.has(end))
    throw new UserError('model', 'Its logits do not depend on the embedding of input_ids.');
  const leads = new Set([end]);
  for (let index = end; index >= 0; index--) {
    if (!leads.has(index)) continue;
    for (const name of readsOf(nodes[index]!)) if (values.has(name)) leads.add(producers.get(name)!);
  }
  const onPath = [...leads].sort((a, b) => a - b);
  const inOrder = narrows(nodes, onPath, producers);
  const narrow = new Set(inOrder);
  const tags = tagPast(nodes, io.past, values);

  const found: { node: number; skip: number; block: number; attends: boolean }[] = [];
  let block = -1;
  let start = 0;
  for (const index of inOrder) {
    const node = nodes[index]!;
    const past = onPath.indexOf(index, start) + 1;
    const between = onPath.slice(start, past);
    start = past;
    const fused = FUSED_ADDS.has(node.opType);
    const terms = node.inputs.slice(0, fused ? 2 : undefined);
    if (!fused && !(PLAIN_ADDS.has(node.opType) && terms.filter((name) => values.has(name)).length > 1)) continue;
    const skip = skipOf(nodes, node, narrow, producers);
    if (skip < 0) continue;
    const blocks = new Set(between.flatMap((i) => readsOf(nodes[i]!).flatMap((name) => [...(tags.get(name) ?? [])])));
    const attends = io.past.length > 0 ? blocks.size > 0 : between.some((i) => ATTENTION.has(nodes[i]!.opType));
    if (attends) {
      block++;
      const wrong = [...blocks].find((other) => other !== block);
      if (wrong !== undefined) {
        throw new UserError(
          'model',
          `What is added to its residual stream at "${node.name || node.outputs[0]}" reads the past of block ${wrong}; expected block ${block}. ${summary(found.length, block)}`,
        );
      }
    }
    if (block >= 0) found.push({ node: index, skip, block, attends });
  }
  const blocks = block + 1;
  const counts = [...(io.past.length > 0 ? [io.past.length] : []), ...(expected === null ? [] : [expected])];
  if (blocks === 0 || counts.some((count) => count !== blocks)) {
    const says = [
      ...(io.past.length > 0 ? [`it keeps a cache for ${io.past.length}`] : []),
      ...(expected === null ? [] : [`its configuration says ${expected}`]),
    ];
    throw new UserError(
      'model',
      `Its residual stream cannot be recognised: ${summary(found.length, blocks)}${says.length > 0 ? ` But ${says.join(' and ')}.` : ''}`,
    );
  }

  const adds = found.map((add, i): ResidualAdd => {
    const alone = found[i - 1]?.block !== add.block && found[i + 1]?.block !== add.block;
    return {
      node: add.node,
      skip: add.skip,
      block: add.block,
      part: alone ? 'both' : add.attends ? 'attention' : 'mlp',
    };
  });
  const sumOf = (add: ResidualAdd): string => {
    const node = nodes[add.node]!;
    return FUSED_ADDS.has(node.opType) ? node.outputs[3]! : node.outputs[0]!;
  };
  const starts = Array.from({ length: blocks }, (_, b) => adds.find((add) => add.block === b)!);
  const states = starts.map(({ node, skip }) => nodes[node]!.inputs[skip]!);
  const last = adds.at(-1)!;
  const normed = headInput(nodes, onPath, inOrder, last.node);
  // Where norms come after additions, a block's output is what its last norm gives.
  const previous = adds.findLast((add) => add.block === blocks - 2);
  const normsLast = previous !== undefined && !passesOn(nodes, producers, states[blocks - 1]!, previous.node);
  return { adds, states: [...states, normsLast ? normed : sumOf(last)], normed };
}

function summary(adds: number, blocks: number): string {
  return `${adds} additions to it were found, with the attention of ${blocks} blocks.`;
}

/** Whether a value is a node's sum, in whatever type. */
function passesOn(
  nodes: readonly Node[],
  producers: ReadonlyMap<string, number>,
  value: string,
  node: number,
): boolean {
  let name = value;
  let from = producers.get(name);
  while (from !== undefined && from !== node && PASSES.has(nodes[from]!.opType)) {
    name = nodes[from]!.inputs[0]!;
    from = producers.get(name);
  }
  return from === node && (!FUSED_ADDS.has(nodes[node]!.opType) || name === nodes[node]!.outputs[3]);
}

/** The value of every token that the head's product reads: what follows it picks or quantises, and may do so for fewer. */
function headInput(nodes: readonly Node[], onPath: readonly number[], narrow: readonly number[], last: number): string {
  const product = onPath.find((index) => index > last && HEADS.has(nodes[index]!.opType));
  if (product === undefined) {
    const after = onPath.filter((index) => index > last).map((index) => nodes[index]!.opType);
    throw new UserError(
      'model',
      `No output head was found after its last block; what follows is ${after.join(', ') || 'nothing'}.`,
    );
  }
  const from = narrow.findLast(
    (index) => index >= last && index < product && (index === last || !BEFORE_HEAD.has(nodes[index]!.opType)),
  );
  return nodes[from ?? last]!.outputs[0]!;
}
