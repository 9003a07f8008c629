import type { GraphBuilder, Value } from '@sonde/onnx';
import type { DecoderSizes } from '../architectures/architecture.ts';
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
}

/** most · tanh(x / most) */
export function softcap(graph: GraphBuilder, x: Value, most: number): Value {
  const bounded = graph.node('Tanh', [graph.node('Div', [x, graph.scalar(most)])]);
  return graph.node('Mul', [bounded, graph.scalar(most)]);
}

/**
 * The shapes of a run. A run has B prompts, K sequences of each and T new tokens a sequence. P is the length
 * of the prompts' cache and S that of the sequences' own; both may be 0. Heads are counted as H key–value heads with
 * G query heads each; D is the head size.
 */
export interface AttentionShapes {
  /** [B, K, T, H, G, D] */
  readonly splitQuery: Value;
  /** [B, K, T, H, D] */
  readonly splitKey: Value;
  /** [B, H, K·G·T, D] */
  readonly queryForPrompt: Value;
  /** [B, H, K, G·T, D] */
  readonly queryForRow: Value;
  /** [B, H, K, G·T, P] */
  readonly promptScores: Value;
  /** [B, H, K·G·T, P] */
  readonly promptWeights: Value;
  /** [B, H, K, G, T, D] */
  readonly splitAttended: Value;
}

/** The inputs that say how attention's values are shaped. */
export function shapeInputs(graph: GraphBuilder, prefix = ''): AttentionShapes & { readonly rowShape: Value } {
  const int64 = (name: string, length: number): Value => graph.input(`${prefix}${name}`, 'int64', [length]);
  return {
    rowShape: int64('row_shape', 3),
    splitQuery: int64('split_query', 6),
    splitKey: int64('split_key', 5),
    queryForPrompt: int64('query_for_prompt', 4),
    queryForRow: int64('query_for_row', 5),
    promptScores: int64('prompt_scores', 5),
    promptWeights: int64('prompt_weights', 4),
    splitAttended: int64('split_attended', 6),
  };
}

/** What attention reads beside the projections. */
export interface AttentionInputs extends AttentionShapes {
  /** [P, S, T] */
  readonly lengths: Value;
  /** 0 where a token may look, −∞ elsewhere; broadcast to [B, H, K, G·T, P + S + T]. */
  readonly mask: Value;
  /** The same in layers with a sliding window; null where no layer has one. */
  readonly slidingMask: Value | null;
  readonly product: TransposedProduct;
  readonly promptKeys: readonly Value[];
  readonly promptValues: readonly Value[];
  readonly rowKeys: readonly Value[];
  readonly rowValues: readonly Value[];
  /** Takes the new tokens' keys and values, [B, H, K, T, D], for later; what it gives is used in their place. */
  readonly keep: (layer: number, keys: Value, values: Value) => { readonly keys: Value; readonly values: Value };
}

/**
 * Attention of T new tokens over three parts: the prompt's cache, kept once for all K sequences of the prompt; the
 * sequence's own cache; the new tokens. One softmax runs over all three.
 */
export function attend(
  graph: GraphBuilder,
  sizes: DecoderSizes,
  layer: number,
  { query, key, value }: Projections,
  run: AttentionInputs,
  options: AttentionOptions,
): Value {
  const reshape = (x: Value, shape: Value): Value => graph.node('Reshape', [x, shape], { allowzero: 1 });
  // Scaled before the products: a product of one row has a fast kernel that knows no factor.
  const scaled = graph.node('Mul', [query, graph.scalar(options.scale ?? 1 / Math.sqrt(sizes.headSize))]);
  const queries = graph.node('Transpose', [reshape(scaled, run.splitQuery)], { perm: [0, 3, 1, 4, 2, 5] });
  const keys = graph.node('Transpose', [reshape(key, run.splitKey)], { perm: [0, 3, 1, 2, 4] });
  const values = graph.node('Transpose', [reshape(value, run.splitKey)], { perm: [0, 3, 1, 2, 4] });
  const kept = run.keep(layer, keys, values);

  const perRow = reshape(queries, run.queryForRow);
  const onPrompt = run.product(graph, reshape(queries, run.queryForPrompt), run.promptKeys[layer]!, 4);
  const parts = [
    reshape(onPrompt, run.promptScores),
    run.product(graph, perRow, run.rowKeys[layer]!, 5),
    run.product(graph, perRow, kept.keys, 5),
  ];
  const all = graph.node('Concat', parts, { axis: -1 });
  const limited = options.softcap ? softcap(graph, all, options.softcap) : all;
  const masked = graph.node('Add', [limited, options.sliding ? run.slidingMask! : run.mask]);
  const weights = graph.node('Softmax', [masked], { axis: -1 });
  const [ofPrompt, ofRow, ofNew] = graph.nodes(3, 'Split', [weights, run.lengths], { axis: -1 });
  const fromPrompt = graph.node('MatMul', [reshape(ofPrompt!, run.promptWeights), run.promptValues[layer]!]);
  const onCaches = graph.node('Add', [
    reshape(fromPrompt, run.queryForRow),
    graph.node('MatMul', [ofRow!, run.rowValues[layer]!]),
  ]);
  const attended = graph.node('Add', [onCaches, graph.node('MatMul', [ofNew!, kept.values])]);
  const back = graph.node('Transpose', [reshape(attended, run.splitAttended)], { perm: [0, 2, 4, 1, 3, 5] });
  return graph.node('Reshape', [back, graph.constant([-1, sizes.heads * sizes.headSize])]);
}
