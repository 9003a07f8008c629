import type { GraphBuilder, Value } from '@sonde/onnx';
import type { CacheInputs } from '../ports/caches.ts';
import type { MaskInputs } from '../ports/masks.ts';
import type { TokenShapes } from '../ports/shapes.ts';
import type { TokenInputs } from '../ports/tokens.ts';
import { cachedSize, type TrunkSizes } from '../sizes.ts';
import type { TransposedProduct } from './products.ts';

/** Queries, keys and values of the new tokens, [tokens, heads · headSize] (or with the tokens axis split). */
export interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** How a block's attention differs from the usual. */
export interface AttentionOptions {
  /** Whether a token sees only the last `window` tokens. */
  readonly sliding?: boolean;
  /** What scores are multiplied by; 1 / √headSize if not given. */
  readonly scale?: number;
  /** Scores are limited to most · tanh(score / most). */
  readonly softcap?: number | null;
  /** What is added to scores; broadcast to [B, H, K, G·T, T]. Only where nothing is cached. */
  readonly added?: Value;
  /** The size of a head's queries and keys, where it is not `headSize`. */
  readonly keySize?: number;
  /** Each head's own score of looking at nothing, [heads]: it takes its share of the weights. */
  readonly sinks?: Value;
  /** Scores fall with distance; the sizes make room for one more number in each key. */
  readonly alibi?: Alibi;
}

/**
 * ALiBi: slope · position of the key is added to a head's scores, which differs from −slope · distance by what is the
 * same for all of a query's scores. Press et al., arXiv 2108.12409.
 */
export interface Alibi {
  /** Of each head; heads do not share keys. */
  readonly slopes: readonly number[];
  /** Whether slopes, positions and their products are rounded to bfloat16. */
  readonly coarse?: boolean;
  /** What the products are multiplied by. */
  readonly factor?: number;
}

/** most · tanh(x / most) */
export function softcap(graph: GraphBuilder, x: Value, most: number): Value {
  const bounded = graph.node('Tanh', [graph.node('Div', [x, graph.scalar(most)])]);
  return graph.node('Mul', [bounded, graph.scalar(most)]);
}

/** What attention reads beside the projections. */
export interface AttentionInputs extends MaskInputs {
  readonly shapes: TokenShapes;
  readonly product: TransposedProduct;
  /** null where nothing comes before the new tokens. */
  readonly caches: CacheInputs | null;
}

/** Values of the new tokens as attention takes them. */
interface Split {
  /** [B, H, K, G, T, D] */
  readonly queries: Value;
  /** [B, H, K, G·T, D] */
  readonly perRow: Value;
  /** [B, H, K, T, D] */
  readonly keys: Value;
  readonly values: Value;
}

/** Attention of T new tokens, to one another and to what was cached before them. */
export function attend(
  graph: GraphBuilder,
  sizes: TrunkSizes,
  layer: number,
  { query, key, value }: Projections,
  run: AttentionInputs & { readonly tokens: TokenInputs },
  options: AttentionOptions,
): Value {
  const { shapes, caches } = run;
  // Scaled before the products: a product of one row has a fast kernel that knows no factor.
  const scaled = graph.node('Mul', [query, graph.scalar(options.scale ?? 1 / Math.sqrt(sizes.headSize))]);
  const { alibi, keySize = sizes.headSize } = options;
  const spare = cachedSize(sizes) - keySize;
  const looking = widen(graph, scaled, sizes.heads, alibi?.factor ?? (alibi ? 1 : 0), spare);
  const lookedAt = alibi
    ? withPositions(graph, key, run.tokens, alibi)
    : widen(graph, key, sizes.keyValueHeads, 0, spare);
  const kept = widen(graph, value, sizes.keyValueHeads, 0, cachedSize(sizes) - sizes.headSize);
  const queries = graph.node('Transpose', [reshape(graph, looking, shapes.splitQuery)], { perm: [0, 3, 1, 4, 2, 5] });
  const split: Split = {
    queries,
    perRow: reshape(graph, queries, shapes.queryForRow),
    keys: graph.node('Transpose', [reshape(graph, lookedAt, shapes.splitKey)], { perm: [0, 3, 1, 2, 4] }),
    values: graph.node('Transpose', [reshape(graph, kept, shapes.splitKey)], { perm: [0, 3, 1, 2, 4] }),
  };
  const weigh = (scores: Value): Value => weightsOf(graph, scores, sizes, run, options);
  const attended = caches
    ? attendWithCaches(graph, layer, split, { ...run, caches }, weigh)
    : graph.node('MatMul', [weigh(run.product(graph, split.perRow, split.keys, 5)), split.values]);
  const back = graph.node('Transpose', [reshape(graph, attended, shapes.splitAttended)], { perm: [0, 2, 4, 1, 3, 5] });
  const narrow =
    cachedSize(sizes) === sizes.headSize
      ? back
      : graph.node('Slice', [back, graph.constant([0]), graph.constant([sizes.headSize]), graph.constant([5])]);
  return graph.node('Reshape', [narrow, graph.constant([-1, sizes.heads * sizes.headSize])]);
}

/** Appends `count` numbers, all of them `filler`, to each head of [tokens, heads · size]: [tokens, heads, size + count]. */
function widen(graph: GraphBuilder, x: Value, heads: number, filler: number, count: number): Value {
  if (count === 0) return x;
  const apart = graph.node('Reshape', [x, graph.constant([0, heads, -1])]);
  const tokens = graph.node('Shape', [apart], { start: 0, end: 1 });
  const shape = graph.node('Concat', [tokens, graph.constant([heads, count])], { axis: 0 });
  return graph.node('Concat', [apart, graph.node('Expand', [graph.scalar(filler), shape])], { axis: -1 });
}

/** Keys with slope · position of their token as one more number. */
function withPositions(graph: GraphBuilder, key: Value, tokens: TokenInputs, { slopes, coarse = false }: Alibi): Value {
  const round = (x: Value): Value => {
    if (!coarse) return x;
    return graph.node('Cast', [graph.node('Cast', [x], { to: BFLOAT16 })], { to: FLOAT });
  };
  const whole = graph.node('Reshape', [tokens.positionIds, graph.constant([-1, 1, 1])]);
  const positions = round(graph.node('Cast', [whole], { to: FLOAT }));
  const own = round(graph.constant(Float32Array.from(slopes), [1, slopes.length, 1]));
  const products = round(graph.node('Mul', [positions, own]));
  const apart = graph.node('Reshape', [key, graph.constant([0, slopes.length, -1])]);
  return graph.node('Concat', [apart, products], { axis: -1 });
}

const FLOAT = 1;
const BFLOAT16 = 16;

function reshape(graph: GraphBuilder, x: Value, shape: Value): Value {
  return graph.node('Reshape', [x, shape], { allowzero: 1 });
}

/** Scores, limited and masked, as weights. */
function weightsOf(
  graph: GraphBuilder,
  scores: Value,
  sizes: TrunkSizes,
  run: MaskInputs,
  options: AttentionOptions,
): Value {
  const limited = options.softcap ? softcap(graph, scores, options.softcap) : scores;
  const raised = options.added === undefined ? limited : graph.node('Add', [limited, options.added]);
  const masked = graph.node('Add', [raised, options.sliding ? run.slidingMask! : run.mask]);
  if (options.sinks === undefined) return graph.node('Softmax', [masked], { axis: -1 });
  const beside = graph.node('Concat', [masked, sinkScores(graph, scores, options.sinks, sizes)], { axis: -1 });
  const weights = graph.node('Softmax', [beside], { axis: -1 });
  return graph.node('Slice', [weights, graph.constant([0]), graph.constant([-1]), graph.constant([-1])]);
}

/** Each head's sink [heads] as a column beside its scores [B, H, K, G·T, keys]: [B, H, K, G·T, 1]. */
function sinkScores(
  graph: GraphBuilder,
  scores: Value,
  sinks: Value,
  { heads, keyValueHeads }: Pick<TrunkSizes, 'heads' | 'keyValueHeads'>,
): Value {
  const group = heads / keyValueHeads;
  const first = graph.node('Slice', [scores, graph.constant([0]), graph.constant([1]), graph.constant([-1])]);
  const zeros = graph.node('Reshape', [graph.node('Sub', [first, first]), graph.constant([0, 0, 0, group, -1])]);
  const ofHeads = graph.node('Reshape', [sinks, graph.constant([1, keyValueHeads, 1, group, 1])]);
  return graph.node('Reshape', [graph.node('Add', [zeros, ofHeads]), graph.constant([0, 0, 0, -1, 1])]);
}

/**
 * Attention over three parts: the prompt's cache, kept once for all K sequences of the prompt; the sequence's own cache;
 * the new tokens. One softmax runs over all three.
 */
function attendWithCaches(
  graph: GraphBuilder,
  layer: number,
  { queries, perRow, keys, values }: Split,
  run: AttentionInputs & { readonly caches: CacheInputs },
  weigh: (scores: Value) => Value,
): Value {
  const { shapes, caches } = run;
  const kept = caches.keep(layer, keys, values);
  const onPrompt = run.product(graph, reshape(graph, queries, caches.queryForPrompt), caches.promptKeys[layer]!, 4);
  const parts = [
    reshape(graph, onPrompt, caches.promptScores),
    run.product(graph, perRow, caches.rowKeys[layer]!, 5),
    run.product(graph, perRow, kept.keys, 5),
  ];
  const weights = weigh(graph.node('Concat', parts, { axis: -1 }));
  const [ofPrompt, ofRow, ofNew] = graph.nodes(3, 'Split', [weights, caches.lengths], { axis: -1 });
  const fromPrompt = graph.node('MatMul', [
    reshape(graph, ofPrompt!, caches.promptWeights),
    caches.promptValues[layer]!,
  ]);
  const onCaches = graph.node('Add', [
    reshape(graph, fromPrompt, shapes.queryForRow),
    graph.node('MatMul', [ofRow!, caches.rowValues[layer]!]),
  ]);
  return graph.node('Add', [onCaches, graph.node('MatMul', [ofNew!, kept.values])]);
}
