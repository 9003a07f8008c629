import type { GraphBuilder, Value } from '@sonde/onnx';
import type { CacheInputs } from '../ports/caches.ts';
import type { MaskInputs } from '../ports/masks.ts';
import type { HeadShapes, TokenShapes } from '../ports/shapes.ts';
import type { TokenInputs } from '../ports/tokens.ts';
import { cachedSize, cacheOf, type HeadSizes, headFormOf, headsOf, mostSharing, type TrunkSizes } from '../sizes.ts';
import type { TransposedProduct } from './products.ts';

/** Queries, keys and values of the new tokens, [tokens, heads · headSize] (or with the tokens axis split). */
export interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** The same of a block that looks at the keys and values of an earlier one, as the sizes say. */
export type QueryAlone = Pick<Projections, 'query'>;

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

/** Keys and values of the new tokens, [B, H, K, T, D]. */
interface KeysAndValues {
  readonly keys: Value;
  readonly values: Value;
}

/** Values of the new tokens as attention takes them. */
interface Split extends KeysAndValues {
  /** [B, H, K, G, T, D] */
  readonly queries: Value;
  /** [B, H, K, G·T, D] */
  readonly perRow: Value;
}

/** What blocks leave for later ones of the same trunk. */
export interface BlocksBefore {
  readonly keysAndValues: Map<number, KeysAndValues>;
  /** Masks of fewer queries than the widest have, by their names. */
  readonly masks: Map<string, Value>;
}

type Run = AttentionInputs & { readonly tokens: TokenInputs; readonly before: BlocksBefore };

/** Attention of T new tokens, to one another and to what was cached before them. */
export function attend(
  graph: GraphBuilder,
  sizes: TrunkSizes,
  layer: number,
  projections: Projections | QueryAlone,
  run: Run,
  options: AttentionOptions,
): Value {
  const { caches, before } = run;
  const own = headsOf(sizes, layer);
  const { headSize } = own;
  const shapes = run.shapes.heads[headFormOf(sizes, layer)]!;
  // Scaled before the products: a product of one row has a fast kernel that knows no factor.
  const scaled = graph.node('Mul', [projections.query, graph.scalar(options.scale ?? 1 / Math.sqrt(headSize))]);
  const { alibi, keySize = headSize } = options;
  const looking = widen(graph, scaled, sizes.heads, alibi?.factor ?? (alibi ? 1 : 0), cachedSize(own) - keySize);
  const queries = graph.node('Transpose', [reshape(graph, looking, shapes.splitQuery)], { perm: [0, 3, 1, 4, 2, 5] });
  const perRow = reshape(graph, queries, shapes.queryForRow);
  let fresh = before.keysAndValues.get(sizes.keysOfBlocks?.[layer] ?? layer);
  if ('key' in projections) {
    const made = splitKeys(graph, own, projections, shapes, run.tokens, options);
    fresh = caches ? caches.keep(cacheOf(sizes, layer), made.keys, made.values) : made;
    before.keysAndValues.set(layer, fresh);
  }
  if (!fresh) throw new RangeError(`block ${layer} has no keys, and none before it`);
  const weigh = (scores: Value): Value => weightsOf(graph, scores, sizes, layer, run, options);
  const attended = caches
    ? attendWithCaches(graph, sizes, layer, { queries, perRow, ...fresh }, { ...run, caches }, weigh)
    : graph.node('MatMul', [weigh(run.product(graph, perRow, fresh.keys, 5)), fresh.values]);
  const back = graph.node('Transpose', [reshape(graph, attended, shapes.splitAttended)], { perm: [0, 2, 4, 1, 3, 5] });
  const narrow =
    cachedSize(own) === headSize
      ? back
      : graph.node('Slice', [back, graph.constant([0]), graph.constant([headSize]), graph.constant([5])]);
  return graph.node('Reshape', [narrow, graph.constant([-1, sizes.heads * headSize])]);
}

/** Keys and values as attention takes them, each as wide as its place in a cache. */
function splitKeys(
  graph: GraphBuilder,
  own: HeadSizes,
  { key, value }: Projections,
  shapes: HeadShapes,
  tokens: TokenInputs,
  { alibi, keySize = own.headSize }: AttentionOptions,
): KeysAndValues {
  const { keyValueHeads, headSize } = own;
  const lookedAt = alibi
    ? withPositions(graph, key, tokens, alibi)
    : widen(graph, key, keyValueHeads, 0, cachedSize(own) - keySize);
  const kept = widen(graph, value, keyValueHeads, 0, cachedSize(own) - headSize);
  const split = (x: Value): Value =>
    graph.node('Transpose', [reshape(graph, x, shapes.splitKey)], { perm: [0, 3, 1, 2, 4] });
  return { keys: split(lookedAt), values: split(kept) };
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
  layer: number,
  run: Run,
  options: AttentionOptions,
): Value {
  const limited = options.softcap ? softcap(graph, scores, options.softcap) : scores;
  const raised = options.added === undefined ? limited : graph.node('Add', [limited, options.added]);
  const masked = graph.node('Add', [raised, maskOf(graph, sizes, layer, run, options.sliding ?? false)]);
  if (options.sinks === undefined) return graph.node('Softmax', [masked], { axis: -1 });
  const beside = graph.node(
    'Concat',
    [masked, sinkScores(graph, scores, options.sinks, sizes.heads, headsOf(sizes, layer))],
    { axis: -1 },
  );
  const weights = graph.node('Softmax', [beside], { axis: -1 });
  return graph.node('Slice', [weights, graph.constant([0]), graph.constant([-1]), graph.constant([-1])]);
}

/** A run's mask for the queries that share a head of keys in a block. */
function maskOf(graph: GraphBuilder, sizes: TrunkSizes, layer: number, run: Run, sliding: boolean): Value {
  const mask = sliding ? run.slidingMask! : run.mask;
  if (sizes.heads / headsOf(sizes, layer).keyValueHeads === mostSharing(sizes)) return mask;
  const form = headFormOf(sizes, layer);
  const name = `${mask}.${form}`;
  const known = run.before.masks.get(name);
  if (known) return known;
  // The masks of all queries of a token are the same: those of the first heads are as good as any.
  const queries = graph.node('Slice', [run.shapes.heads[form]!.queryForRow, graph.constant([3]), graph.constant([4])]);
  const narrow = graph.node('Slice', [mask, graph.constant([0]), queries, graph.constant([3])]);
  run.before.masks.set(name, narrow);
  return narrow;
}

/** Each head's sink [heads] as a column beside its scores [B, H, K, G·T, keys]: [B, H, K, G·T, 1]. */
function sinkScores(
  graph: GraphBuilder,
  scores: Value,
  sinks: Value,
  heads: number,
  { keyValueHeads }: HeadSizes,
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
  sizes: TrunkSizes,
  layer: number,
  { queries, perRow, keys, values }: Split,
  run: AttentionInputs & { readonly caches: CacheInputs },
  weigh: (scores: Value) => Value,
): Value {
  const { caches } = run;
  const [form, cache] = [headFormOf(sizes, layer), cacheOf(sizes, layer)];
  const shapes = caches.shapes[form]!;
  const onPrompt = run.product(graph, reshape(graph, queries, shapes.queryForPrompt), caches.promptKeys[cache]!, 4);
  const parts = [
    reshape(graph, onPrompt, shapes.promptScores),
    run.product(graph, perRow, caches.rowKeys[cache]!, 5),
    run.product(graph, perRow, keys, 5),
  ];
  const weights = weigh(graph.node('Concat', parts, { axis: -1 }));
  const [ofPrompt, ofRow, ofNew] = graph.nodes(3, 'Split', [weights, caches.lengths], { axis: -1 });
  const fromPrompt = graph.node('MatMul', [
    reshape(graph, ofPrompt!, shapes.promptWeights),
    caches.promptValues[cache]!,
  ]);
  const onCaches = graph.node('Add', [
    reshape(graph, fromPrompt, run.shapes.heads[form]!.queryForRow),
    graph.node('MatMul', [ofRow!, caches.rowValues[cache]!]),
  ]);
  return graph.node('Add', [onCaches, graph.node('MatMul', [ofNew!, values])]);
}
