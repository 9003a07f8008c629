import { float, type GraphBuilder, type Value } from '@sonde/onnx';
import type { RotaryTables, TokenInputs } from '../ports/tokens.ts';
import type { Site } from '../sites.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type Activation, activate, xielu } from './activations.ts';
import {
  type AttentionInputs,
  type AttentionOptions,
  attend,
  type BlocksBefore,
  type Projections,
  type QueryAlone,
  softcap,
} from './attention.ts';
import { type DistanceTables, distanceScores } from './distances.ts';
import { chooseExperts, mixExperts, type OfExperts, type Routing, routerStates } from './experts.ts';
import { inDtype } from './products.ts';
import type { Factor, Piece, PlacedWeights } from './weights.ts';

/** How a norm divides: by the root of mean square (or deviation) of x plus epsilon. */
export interface NormOptions {
  readonly epsilon: number;
  /** What is added to the stored weight; 0 if not given. */
  readonly offset?: number;
  /** Of a LayerNorm: whether a bias is learned beside the weight; true if not given. */
  readonly bias?: boolean;
}

/** The building parts of which architectures are described. Hidden values have shape [tokens, size]. */
export interface Parts {
  /** Rows of a table [vocabulary, size] for token ids. */
  embedding(name: string, ids: Value, shape: readonly [number, number]): Value;
  /** A table of weights as it is. */
  table(name: string, shape: readonly [number, number]): Value;
  /**
   * Rows of a table [positions, size] for each token's position.
   * @param after positions count from the row after this one, and the token of this number has this row and no position
   * @param first the row of position 0, where `after` is not given; 0 if not given
   */
  positionEmbedding(name: string, shape: readonly [number, number], after?: number, first?: number): Value;
  /**
   * Sines, then cosines, of each token's position, [tokens, size]: the angles are those of the decoder's rotary embedding.
   * An odd size ends in a 0.
   * @param nothing the position where all are 0 instead
   */
  sinusoids(size: number, nothing: number | null): Value;
  /** Rows of a table [types, size] for each token's type: of a trunk that has `tokenTypes`. */
  typeEmbedding(name: string, shape: readonly [number, number]): Value;
  /** x Wᵀ (+ b), with W [out, in], plus the adapter's low-rank path if it has one for this layer. */
  linear(name: string, x: Value, shape: readonly [number, number], bias: boolean): Value;
  /** The same for the choice of experts: never quantised, for a token's experts would be others. */
  router(name: string, x: Value, shape: readonly [number, number], bias: boolean): Value;
  /** The same with W stored as [in, out], always with a bias: GPT-2's `Conv1D`. `shape` is [out, in] all the same. */
  conv1d(name: string, x: Value, shape: readonly [number, number]): Value;
  /**
   * A convolution over the tokens of each sequence, with a bias: W [size, size / groups, width], zeros beyond the ends.
   * Sequences that are read together must be of one length: what pads them would be read.
   */
  convolution(
    name: string,
    x: Value,
    shape: { readonly size: number; readonly width: number; readonly groups: number },
  ): Value;
  /** With a weight, or without where `name` is null. */
  rmsNorm(name: string | null, x: Value, size: number, options: NormOptions): Value;
  /** With weight and bias (or `bias: false`), or with neither where `name` is null. */
  layerNorm(name: string | null, x: Value, size: number, options: NormOptions): Value;
  /** LayerNorm of each head of its own, without a bias: weights [heads, size] of one name, or [size] of a name each. */
  layerNormHeads(names: string | readonly string[], x: Value, shape: readonly [number, number], epsilon: number): Value;
  /** Cuts [tokens, sum of sizes] into pieces [tokens, size]. */
  split(x: Value, sizes: readonly number[]): Value[];
  /** [tokens, heads · size] as [tokens, heads, size]; what takes heads takes both. What is rotated needs the size. */
  splitHeads(x: Value, heads: number, size?: number): Value;
  /** Cuts each head's part of [tokens, heads · count · size] into `count` pieces [tokens, heads, 1, size]. */
  splitEachHead(x: Value, heads: number, count: number): Value[];
  /** Each head's pieces, [tokens, heads · size] each, one after the other; one of a single head stands in all. */
  joinHeads(
    pieces: readonly { readonly x: Value; readonly size: number; readonly heads?: number }[],
    heads: number,
  ): Value;
  /** Cuts each of some groups' part of [tokens, groups · sum of sizes] into pieces [tokens, groups · size]. */
  splitGroups(x: Value, groups: number, sizes: readonly number[]): Value[];
  /** A learned vector, by its full name. */
  vector(name: string, size: number): Value;
  /** The same stored as [1, size], and so given. */
  row(name: string, size: number): Value;
  /** x Wᵀ, with W at one place of a stack `NAME` [of, out, in]: an expert's. */
  stackedLinear(name: string, x: Value, shape: readonly [number, number], piece: Piece): Value;
  /** x W + b, with W and b at one place of stacks `NAME` [of, in, out] and `NAME_bias` [of, out]. */
  stackedConv1d(name: string, x: Value, shape: readonly [number, number], piece: Piece): Value;
  /**
   * The sum of what the experts that a router chooses make of x [tokens, size], by their weights; only those are computed.
   * @param logits [tokens, experts], of the router
   * @param expert what an expert makes of some tokens, by the parts given
   */
  mixture(
    layer: number,
    x: Value,
    logits: Value,
    routing: Routing,
    expert: (parts: Parts, number: number, rows: Value) => Value,
    of?: OfExperts,
  ): Value;
  /** Rotates the heads of queries or keys to their positions, by one of the decoder's rotary embeddings. */
  rotate(x: Value, heads: number, rotary?: number): Value;
  attention(layer: number, projections: Projections | QueryAlone, options?: AttentionOptions): Value;
  /** What distances between tokens add to attention's scores, as `AttentionOptions.added` takes it. */
  distanceScores(projections: Projections, tables: DistanceTables, scale: number): Value;
  add(a: Value, b: Value): Value;
  multiply(a: Value, b: Value): Value;
  scale(x: Value, factor: number): Value;
  /** Limits x to ±most. */
  clip(x: Value, most: number): Value;
  /** Limits x to what is not above `most`. */
  atMost(x: Value, most: number): Value;
  /** most · tanh(x / most): a smooth limit to ±most. */
  softcap(x: Value, most: number): Value;
  activation(name: Activation, x: Value): Value;
  /** xIELU with the parameters NAME.alpha_p, alpha_n, beta and eps; Huang and Schlag, arXiv 2411.13010. */
  xielu(name: string, x: Value): Value;
  /** The contribution of a block's attention; nothing where the block or its attention is bypassed. */
  gateAttention(layer: number, x: Value): Value;
  /** The contribution of a block's MLP; nothing where the block or its MLP is bypassed. */
  gateMlp(layer: number, x: Value): Value;
  /** What a block makes of its input; the input itself where the whole block is bypassed. */
  gateBlock(layer: number, before: Value, after: Value): Value;
}

/** The values of a run that the parts use. */
export interface RunValues {
  readonly tokens: TokenInputs;
  readonly rotary: readonly RotaryTables[];
  readonly attention: AttentionInputs;
  /** A scalar for each block, 1 or 0. */
  readonly attentionGates: readonly Value[];
  readonly mlpGates: readonly Value[];
  /** Takes a block's value [tokens, size] at a site, changes it where that is asked for, and notes it for pooling. */
  readonly passSite: (site: Site, block: number, x: Value) => Value;
  /** Takes a block's weights of experts [tokens, experts] for pooling, where that is asked for. */
  readonly noteRouter: (block: number, states: () => Value) => void;
}

/** How a linear layer's weight is stored, and what is added to the product. */
interface Stored {
  /** As [in, out], and not [out, in]; false if not given. */
  readonly turned?: boolean;
  /** Where several are stacked. */
  readonly piece?: Piece;
  readonly added?: (() => Value) | undefined;
}

function factorOf(name: string, [output, input]: readonly [number, number], { turned = false, piece }: Stored): Factor {
  const shape: readonly [number, number] = turned ? [input, output] : [output, input];
  return { name, shape, transposed: !turned, ...(piece && { piece }) };
}

export function createParts(graph: GraphBuilder, weights: PlacedWeights, sizes: TrunkSizes, run: RunValues): Parts {
  const ones = new Map<number, Value>();
  const before: BlocksBefore = { keysAndValues: new Map(), masks: new Map() };
  const onesOf = (size: number): Value => {
    const known = ones.get(size) ?? graph.constant(new Float32Array(size).fill(1));
    ones.set(size, known);
    return known;
  };
  /** A norm's weight, plus what it is stored less. */
  const shifted = (name: string, size: number, offset: number): Value => {
    const stored = weights.get(name, [size]);
    return offset === 0 ? stored : graph.node('Add', [stored, graph.scalar(offset)]);
  };
  /** x times a weight, plus what is added, in float32. */
  const plainProduct = (weight: string, x: Value, shape: readonly [number, number], stored: Stored): Value => {
    const { added } = stored;
    return weights.multiply(graph, x, { ...factorOf(weight, shape, stored), ...(added && { added }) });
  };
  /** The same; where the weight is quantised or in 16 bits, with the sum in float32. */
  const product = (weight: string, x: Value, shape: readonly [number, number], stored: Stored): Value => {
    const { compute } = weights;
    const { turned = false, piece, added } = stored;
    const quantized = piece
      ? weights.multiplyQuantizedPart(graph, weight, x, shape, piece, turned)
      : weights.multiplyQuantized(graph, weight, x, shape, turned);
    if (!quantized && compute === null) return plainProduct(weight, x, shape, stored);
    const factor = factorOf(weight, shape, stored);
    const multiplied =
      quantized ?? inDtype(graph, compute, x, (narrow, as) => weights.multiply(graph, narrow, { ...factor, ...as }));
    return added ? graph.node('Add', [multiplied, added()]) : multiplied;
  };
  const biasOf = (name: string, size: number) => () => weights.get(`${name}.bias`, [size]);

  return {
    embedding: (name, ids, shape) => weights.rows(graph, `${name}.weight`, shape, ids),

    table: (name, shape) => weights.get(`${name}.weight`, shape),

    positionEmbedding(name, shape, after, first = 0) {
      const { positionIds } = run.tokens;
      const from = first === 0 ? positionIds : graph.node('Add', [positionIds, graph.constant([first])]);
      const positions = after === undefined ? from : positionsAfter(graph, run, after);
      const rows = weights.rows(graph, `${name}.weight`, shape, positions);
      return graph.node('Reshape', [rows, graph.constant([-1, shape[1]])]);
    },

    sinusoids(size, nothing) {
      const { cos, sin } = run.rotary[0]!;
      const positions = graph.node('Reshape', [run.tokens.positionIds, graph.constant([-1])]);
      const waves = [sin, cos].map((table) => graph.node('Gather', [table, positions], { axis: 0 }));
      const column = graph.node('Unsqueeze', [positions, graph.constant([1])]);
      const isSome = graph.node('Not', [graph.node('Equal', [column, graph.constant([nothing ?? -1])])]);
      const some = graph.node('Cast', [isSome], { to: FLOAT });
      const rest = size % 2 === 1 ? [graph.node('Sub', [some, some])] : [];
      const all = graph.node('Concat', [...waves, ...rest], { axis: 1 });
      return nothing === null ? all : graph.node('Mul', [all, some]);
    },

    typeEmbedding: (name, shape) => weights.rows(graph, `${name}.weight`, shape, run.tokens.tokenTypes!),

    linear(name, x, shape, bias) {
      if (!bias) weights.refuse(`${name}.bias`);
      const added = bias ? biasOf(name, shape[0]) : undefined;
      return weights.addAdapter(graph, name, shape, x, product(`${name}.weight`, x, shape, { added }));
    },

    router(name, x, shape, bias) {
      if (!bias) weights.refuse(`${name}.bias`);
      const added = bias ? biasOf(name, shape[0]) : undefined;
      return weights.addAdapter(graph, name, shape, x, plainProduct(`${name}.weight`, x, shape, { added }));
    },

    conv1d(name, x, shape) {
      const stored = { turned: true, added: biasOf(name, shape[0]) };
      return weights.addAdapter(graph, name, shape, x, product(`${name}.weight`, x, shape, stored));
    },

    convolution(name, x, { size, width, groups }) {
      const rows = graph.node('Reshape', [x, run.attention.shapes.rowShape]);
      const channels = graph.node('Transpose', [rows], { perm: [0, 2, 1] });
      const weight = weights.get(`${name}.weight`, [size, size / groups, width]);
      const beyond = (width - 1) / 2;
      const near = graph.node('Conv', [channels, weight, weights.get(`${name}.bias`, [size])], {
        group: groups,
        pads: [beyond, beyond],
      });
      const tokens = graph.node('Transpose', [near], { perm: [0, 2, 1] });
      return graph.node('Reshape', [tokens, graph.constant([-1, size])]);
    },

    rmsNorm(name, x, size, { epsilon, offset = 0 }) {
      const weight = name === null ? onesOf(size) : shifted(`${name}.weight`, size, offset);
      return graph.node('RMSNormalization', [x, weight], {
        axis: -1,
        epsilon: float(epsilon),
      });
    },

    layerNormHeads(names, x, [heads, size], epsilon) {
      const apart = graph.node('Reshape', [x, graph.constant([0, heads, -1])]);
      const normed = graph.node('LayerNormalization', [apart, onesOf(size)], { axis: -1, epsilon: float(epsilon) });
      if (typeof names === 'string') return graph.node('Mul', [normed, weights.get(`${names}.weight`, [heads, size])]);
      const each = names.map((name) =>
        graph.node('Unsqueeze', [weights.get(`${name}.weight`, [size]), graph.constant([0])]),
      );
      return graph.node('Mul', [normed, graph.node('Concat', each, { axis: 0 })]);
    },

    layerNorm(name, x, size, { epsilon, offset = 0, bias = true }) {
      const learned = [name === null ? onesOf(size) : shifted(`${name}.weight`, size, offset)];
      if (name !== null && bias) learned.push(weights.get(`${name}.bias`, [size]));
      if (name !== null && !bias) weights.refuse(`${name}.bias`);
      return graph.node('LayerNormalization', [x, ...learned], { axis: -1, epsilon: float(epsilon) });
    },

    split: (x, pieces) => graph.nodes(pieces.length, 'Split', [x, graph.constant(pieces)], { axis: -1 }),

    splitHeads: (x, heads, size) =>
      graph.node('Reshape', [x, graph.constant(size === undefined ? [0, heads, -1] : [-1, heads, size])]),

    splitEachHead(x, heads, count) {
      const each = graph.node('Reshape', [x, graph.constant([0, heads, count, -1])]);
      return graph.nodes(count, 'Split', [each], { axis: 2, num_outputs: count });
    },

    joinHeads(pieces, heads) {
      const apart = pieces.map(({ x, size, heads: own = heads }) => {
        const each = graph.node('Reshape', [x, graph.constant([-1, own, size])]);
        return own === heads ? each : graph.node('Expand', [each, graph.constant([1, heads, 1])]);
      });
      return graph.node('Concat', apart, { axis: -1 });
    },

    splitGroups(x, groups, pieces) {
      const apart = graph.node('Reshape', [x, graph.constant([0, groups, -1])]);
      const cut = graph.nodes(pieces.length, 'Split', [apart, graph.constant(pieces)], { axis: -1 });
      return cut.map((piece) => graph.node('Reshape', [piece, graph.constant([0, -1])]));
    },

    vector: (name, size) => weights.get(name, [size]),

    row: (name, size) => weights.get(name, [1, size]),

    stackedLinear: (name, x, shape, piece) => product(name, x, shape, { piece }),

    stackedConv1d(name, x, shape, piece) {
      const added = () => weights.getPart(`${name}_bias`, piece, [shape[0]]);
      return product(name, x, shape, { turned: true, piece, added });
    },

    mixture(layer, x, logits, routing, expert, of = {}) {
      const chosen = chooseExperts(graph, logits, routing, of);
      run.noteRouter(layer, () => routerStates(graph, chosen, routing.experts));
      return mixExperts(graph, x, chosen, routing, (inner, number, rows) =>
        expert(createParts(inner, weights, sizes, run), number, rows),
      );
    },

    rotate(x, heads, rotary = 0) {
      const { cos, sin, pairs, interleaved } = run.rotary[rotary]!;
      const rows = graph.node('Reshape', [x, run.attention.shapes.rowShape]);
      // Where blocks differ in their heads, whole heads are rotated.
      const partial =
        !sizes.headsOfBlocks && 2 * pairs < sizes.headSize ? { rotary_embedding_dim: 2 * pairs, num_heads: heads } : {};
      const attributes = interleaved ? { ...partial, interleaved: 1 } : partial;
      return graph.node('com.microsoft::RotaryEmbedding', [rows, run.tokens.positionIds, cos, sin], attributes);
    },

    attention: (layer, projections, options = {}) =>
      run.passSite(
        'heads',
        layer,
        attend(graph, sizes, layer, projections, { ...run.attention, tokens: run.tokens, before }, options),
      ),
    distanceScores: (projections, tables, scale) => distanceScores(graph, projections, tables, scale, run),
    add: (a, b) => graph.node('Add', [a, b]),
    multiply: (a, b) => graph.node('Mul', [a, b]),
    scale: (x, factor) => graph.node('Mul', [x, graph.scalar(factor)]),
    atMost: (x, most) => graph.node('Min', [x, graph.scalar(most)]),
    clip: (x, most) => graph.node('Clip', [x, graph.scalar(-most), graph.scalar(most)]),
    softcap: (x, most) => softcap(graph, x, most),
    activation: (name, x) => activate(graph, name, x),

    xielu(name, x) {
      const of = (parameter: string, shape: readonly number[]) => weights.get(`${name}.${parameter}`, shape);
      const [positive, negative] = [of('alpha_p', [1]), of('alpha_n', [1])];
      return xielu(graph, x, { positive, negative, slope: of('beta', []), below: of('eps', []) });
    },
    gateAttention: (layer, x) => run.passSite('attention', layer, graph.node('Mul', [x, run.attentionGates[layer]!])),
    gateBlock(layer, before, after) {
      const most = graph.node('Max', [run.attentionGates[layer]!, run.mlpGates[layer]!]);
      return graph.node('Where', [graph.node('Greater', [most, graph.scalar(0)]), after, before]);
    },
    gateMlp: (layer, x) => run.passSite('mlp', layer, graph.node('Mul', [x, run.mlpGates[layer]!])),
  };
}

const FLOAT = 1;
const INT64 = 7;

/** Positions [sequences, T] that count from `after` + 1, of the tokens but that of the number `after`, which stay there. */
function positionsAfter(graph: GraphBuilder, { tokens, attention }: RunValues, after: number): Value {
  const rows = graph.node('Reshape', [
    tokens.inputIds,
    graph.node('Slice', [attention.shapes.rowShape, graph.constant([0]), graph.constant([2])]),
  ]);
  const stays = graph.node('Equal', [rows, graph.constant(Int32Array.of(after))]);
  const counts = graph.node('Cast', [graph.node('Not', [stays])], { to: INT64 });
  const upTo = graph.node('CumSum', [counts, graph.constant(BigInt64Array.of(1n), [])]);
  return graph.node('Add', [graph.node('Mul', [upTo, counts]), graph.constant([after])]);
}
