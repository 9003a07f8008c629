import type { GraphBuilder, Value } from '@sonde/onnx';
import type { TokenShapes } from '../ports/shapes.ts';
import type { TokenInputs } from '../ports/tokens.ts';
import type { Projections } from './attention.ts';

/** Tables of distances [rows, heads · headSize], projected as keys and as queries; null: not used. */
export interface DistanceTables {
  readonly keys: Value | null;
  readonly queries: Value | null;
  /** [2 · positions − 1] the row of each distance: of `t − s` at t − s + positions − 1. */
  readonly rowOf: readonly number[];
}

interface Run {
  readonly tokens: TokenInputs;
  readonly attention: { readonly shapes: TokenShapes };
}

/**
 * Scores [B, H, K, T, T] by how far the token that looks (t) is from the one that is looked at (s): query t on the
 * distance's key, and the distance's query on key s. Of a trunk without groups of heads. He et al., arXiv 2006.03654.
 */
export function distanceScores(
  graph: GraphBuilder,
  { query, key }: Projections,
  { keys, queries, rowOf }: DistanceTables,
  scale: number,
  { tokens, attention: { shapes } }: Run,
): Value {
  const positions = graph.node('Gather', [tokens.positionIds, graph.constant(BigInt64Array.of(0n), [])], { axis: 0 });
  const [looks, lookedAt] = [1, 0].map((axis) => graph.node('Unsqueeze', [positions, graph.constant([axis])]));
  const distance = graph.node('Sub', [looks!, lookedAt!]);
  const place = graph.node('Add', [distance, graph.constant([(rowOf.length - 1) / 2])]);
  const rows = graph.node('Gather', [graph.constant(rowOf), place], { axis: 0 });

  const split = (x: Value): Value => {
    const cut = graph.node('Reshape', [x, shapes.heads[0]!.splitKey], { allowzero: 1 });
    return graph.node('Transpose', [cut], { perm: [0, 3, 1, 2, 4] });
  };
  /** Products [B, H, K, T, T] of each token with the rows [T, T] of a table. */
  const scores = (x: Value, table: Value, which: Value): Value => {
    const apart = split(graph.node('Mul', [x, graph.scalar(scale)]));
    const shape = graph.node('Shape', [apart], { start: 1, end: 2 });
    const heads = graph.node('Concat', [graph.constant([-1]), shape, graph.constant([1])], { axis: 0 });
    const size = graph.node('Shape', [apart], { start: 4, end: 5 });
    const cut = graph.node('Reshape', [table, graph.node('Concat', [heads, size], { axis: 0 })]);
    const products = graph.node('MatMul', [apart, graph.node('Transpose', [cut], { perm: [1, 2, 3, 0] })]);
    const leading = graph.node('Shape', [apart], { start: 0, end: 3 });
    const ones = graph.constant([1, 1]);
    const all = graph.node('Expand', [which, graph.node('Concat', [leading, ones], { axis: 0 })]);
    return graph.node('GatherElements', [products, all], { axis: -1 });
  };
  const transposed = graph.node('Transpose', [rows], { perm: [1, 0] });
  const fromContent = keys === null ? [] : [scores(query, keys, rows)];
  const fromDistance =
    queries === null ? [] : [graph.node('Transpose', [scores(key, queries, transposed)], { perm: [0, 1, 2, 4, 3] })];
  const [first, second] = [...fromContent, ...fromDistance];
  return second === undefined ? (first ?? graph.scalar(0)) : graph.node('Add', [first!, second]);
}
