import type { GraphBuilder, Value } from '@sonde/onnx';
import { TRIES } from '../ports/draw.ts';

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
/** 1 − 2⁻²⁴, the greatest float32 below 1. */
const BELOW_ONE = 1 - 2 ** -24;

/** How a vocabulary is cut into blocks for a two-level cumulative sum. */
export interface Blocks {
  readonly count: number;
  readonly size: number;
  /** count · size, at least the vocabulary size. */
  readonly padded: number;
}

/** Blocks near the square root of the vocabulary size that divide it, or blocks of 128 with padding. */
export function blocksOf(vocabSize: number): Blocks {
  const root = Math.sqrt(vocabSize);
  for (let size = Math.ceil(root); size <= Math.min(vocabSize, 8 * root); size++) {
    if (vocabSize % size === 0) return { count: vocabSize / size, size, padded: vocabSize };
  }
  const count = Math.ceil(vocabSize / 128);
  return { count, size: 128, padded: count * 128 };
}

/** What a draw gives: [rows] each, and the rows that are still undecided after all tries. */
export interface Drawn {
  readonly token: Value;
  readonly probability: Value;
  readonly pendingRows: Value;
}

/** One draw of each row of p [n, padded] by inverse CDF: token and its probability, both [n, 1]. */
function drawOnce(graph: GraphBuilder, p: Value, uniform: Value, blocks: Blocks): { token: Value; probability: Value } {
  const blocked = graph.node('Reshape', [p, graph.constant([0, blocks.count, blocks.size])]);
  const sums = graph.node('ReduceSum', [blocked, graph.constant([2])], { keepdims: 0 });
  const cumulative = graph.node('CumSum', [sums, graph.constant([1], [])]);
  const before = graph.node('CumSum', [sums, graph.constant([1], [])], { exclusive: 1 });
  const total = graph.node('Gather', [cumulative, graph.constant([blocks.count - 1])], { axis: 1 });
  const target = graph.node('Mul', [total, uniform]);

  const countUpTo = (sorted: Value, limit: Value): Value => {
    const passed = graph.node('Cast', [graph.node('LessOrEqual', [sorted, limit])], { to: INT32 });
    const counted = graph.node('ReduceSum', [passed, graph.constant([1])], { keepdims: 1 });
    return graph.node('Cast', [counted], { to: INT64 });
  };
  const block = graph.node('Min', [countUpTo(cumulative, target), graph.constant([blocks.count - 1])]);
  const inBlock = graph.node('GatherND', [blocked, block], { batch_dims: 1 });
  const within = graph.node('CumSum', [inBlock, graph.constant([1], [])]);
  const blockTotal = graph.node('Gather', [within, graph.constant([blocks.size - 1])], { axis: 1 });
  const blockStart = graph.node('GatherElements', [before, block], { axis: 1 });
  // Sums of different order may differ in the last bit; the rest must stay below the block's own sum.
  const rest = graph.node('Min', [
    graph.node('Sub', [target, blockStart]),
    graph.node('Mul', [blockTotal, graph.scalar(BELOW_ONE)]),
  ]);
  const index = graph.node('Min', [countUpTo(within, rest), graph.constant([blocks.size - 1])]);
  const probability = graph.node('GatherElements', [inBlock, index], { axis: 1 });
  const token = graph.node('Add', [graph.node('Mul', [block, graph.constant([blocks.size])]), index]);
  return { token, probability };
}

/** What a try draws from: what the last one left, or, at the beginning of a round after the first, all of p again. */
function beginRound(graph: GraphBuilder, attempt: Value, left: Value, p: Value, rows: Value): Value {
  const isFirst = graph.node('Equal', [
    graph.node('Mod', [attempt, graph.constant([TRIES], [])]),
    graph.constant([0], []),
  ]);
  const isLater = graph.node('Greater', [attempt, graph.constant([0], [])]);
  return graph.node('If', [graph.node('And', [isFirst, isLater])], {
    then_branch: graph.subgraph('anew', (inner) => {
      inner.output('all_again', inner.node('Gather', [p, rows], { axis: 0 }), 'float32');
    }),
    else_branch: graph.subgraph('going_on', (inner) => {
      inner.output('what_is_left', inner.node('Identity', [left]), 'float32');
    }),
  });
}

/**
 * Draws a token for each row from its nucleus, without sorting the vocabulary: draw from all tokens; keep the draw if
 * the mass of strictly more probable tokens is below `topP`, that is, if the token lies in the nucleus; else draw again
 * among the tokens more probable than the one refused, which still hold the whole nucleus. Exact but for equal
 * probabilities at the nucleus' edge, of which all are kept.
 * @param p [rows, vocabSize] probabilities
 * @param uniforms [rows, TRIES] in [0, 1); with several rounds any multiple of TRIES, each of which begins anew
 * @param topP scalar; above 1 keeps every draw
 */
export function drawFromNucleus(
  graph: GraphBuilder,
  p: Value,
  uniforms: Value,
  topP: Value,
  blocks: Blocks,
  rounds = 1,
): Drawn {
  const rowCount = graph.node('Gather', [graph.node('Shape', [p]), graph.constant([0], [])]);
  const rows = graph.node('Range', [graph.constant([0], []), rowCount, graph.constant([1], [])]);
  const column = graph.node('Unsqueeze', [rows, graph.constant([1])]);
  const zeros = graph.node('Sub', [column, column]);
  const noProbability = graph.node('Cast', [zeros], { to: FLOAT });

  const body = graph.subgraph('draw', (inner) => {
    const attempt = inner.input('attempt', 'int64', []);
    inner.input('go_on', 'bool', []);
    const left = inner.input('current', 'float32', ['pending', blocks.padded]);
    const rowIds = inner.input('row_ids', 'int64', ['pending', 1]);
    const tokens = inner.input('tokens', 'int64', ['rows', 1]);
    const probabilities = inner.input('probabilities', 'float32', ['rows', 1]);

    const flatRows = inner.node('Squeeze', [rowIds, inner.constant([1])]);
    const current = rounds === 1 ? left : beginRound(inner, attempt, left, p, flatRows);
    const numbers = inner.node('Gather', [uniforms, attempt], { axis: 1 });
    const uniform = inner.node('Unsqueeze', [
      inner.node('Gather', [numbers, flatRows], { axis: 0 }),
      inner.constant([1]),
    ]);
    const { token, probability } = drawOnce(inner, current, uniform, blocks);
    const greater = inner.node('Greater', [current, probability]);
    // A product with 0 or 1 is exact, and four times as fast as Where.
    const kept = inner.node('Mul', [current, inner.node('Cast', [greater], { to: FLOAT })]);
    const above = inner.node('ReduceSum', [kept, inner.constant([1])], { keepdims: 0 });
    const refused = inner.node('GreaterOrEqual', [above, topP]);
    const rest = inner.node('Squeeze', [inner.node('NonZero', [refused]), inner.constant([0])]);
    const any = inner.node('Greater', [inner.node('Size', [rest]), inner.constant([0], [])]);

    inner.output('go_on_out', any, 'bool', []);
    inner.output('current_out', inner.node('Gather', [kept, rest], { axis: 0 }), 'float32', ['left', blocks.padded]);
    inner.output('row_ids_out', inner.node('Gather', [rowIds, rest], { axis: 0 }), 'int64', ['left', 1]);
    const scatter = (into: Value, from: Value) => inner.node('ScatterElements', [into, rowIds, from], { axis: 0 });
    inner.output('tokens_out', scatter(tokens, token), 'int64', ['rows', 1]);
    inner.output('probabilities_out', scatter(probabilities, probability), 'float32', ['rows', 1]);
  });

  const tries =
    rounds === 1
      ? graph.constant([TRIES], [])
      : graph.node('Gather', [graph.node('Shape', [uniforms]), graph.constant([1], [])]);
  const [, rowIds, tokens, probabilities] = graph.nodes(4, 'Loop', [tries, '', p, column, zeros, noProbability], {
    body,
  });
  const flat = (x: Value): Value => graph.node('Squeeze', [x, graph.constant([1])]);
  return {
    token: flat(tokens!),
    probability: flat(probabilities!),
    pendingRows: flat(rowIds!),
  };
}
