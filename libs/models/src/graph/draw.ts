import type { GraphBuilder, Value } from '@sonde/onnx';

/** Uniform numbers that a draw may use; a row that needs more is drawn anew in another run (hardly ever, in practice). */
export const TRIES = 8;

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

/**
 * Draws a token for each row from its nucleus, without sorting the vocabulary: draw from all tokens; keep the draw if
 * the mass of strictly more probable tokens is below `topP`, that is, if the token lies in the nucleus; else draw again
 * among the tokens more probable than the one refused, which still hold the whole nucleus. Exact but for equal
 * probabilities at the nucleus' edge, of which all are kept.
 * @param p [rows, vocabSize] probabilities
 * @param uniforms [rows, TRIES] in [0, 1)
 * @param topP scalar; above 1 keeps every draw
 */
export function drawFromNucleus(graph: GraphBuilder, p: Value, uniforms: Value, topP: Value, blocks: Blocks): Drawn {
  const rowCount = graph.node('Gather', [graph.node('Shape', [p]), graph.constant([0], [])]);
  const rows = graph.node('Range', [graph.constant([0], []), rowCount, graph.constant([1], [])]);
  const column = graph.node('Unsqueeze', [rows, graph.constant([1])]);
  const zeros = graph.node('Sub', [column, column]);
  const noProbability = graph.node('Cast', [zeros], { to: FLOAT });

  const body = graph.subgraph('draw', (inner) => {
    const attempt = inner.input('attempt', 'int64', []);
    inner.input('go_on', 'bool', []);
    const current = inner.input('current', 'float32', ['pending', blocks.padded]);
    const rowIds = inner.input('row_ids', 'int64', ['pending', 1]);
    const tokens = inner.input('tokens', 'int64', ['rows', 1]);
    const probabilities = inner.input('probabilities', 'float32', ['rows', 1]);

    const flatRows = inner.node('Squeeze', [rowIds, inner.constant([1])]);
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
    const left = inner.node('Squeeze', [inner.node('NonZero', [refused]), inner.constant([0])]);
    const any = inner.node('Greater', [inner.node('Size', [left]), inner.constant([0], [])]);

    inner.output('go_on_out', any, 'bool', []);
    inner.output('current_out', inner.node('Gather', [kept, left], { axis: 0 }), 'float32', ['left', blocks.padded]);
    inner.output('row_ids_out', inner.node('Gather', [rowIds, left], { axis: 0 }), 'int64', ['left', 1]);
    const scatter = (into: Value, from: Value) => inner.node('ScatterElements', [into, rowIds, from], { axis: 0 });
    inner.output('tokens_out', scatter(tokens, token), 'int64', ['rows', 1]);
    inner.output('probabilities_out', scatter(probabilities, probability), 'float32', ['rows', 1]);
  });

  const [, rowIds, tokens, probabilities] = graph.nodes(
    4,
    'Loop',
    [graph.constant([TRIES], []), '', p, column, zeros, noProbability],
    { body },
  );
  const flat = (x: Value): Value => graph.node('Squeeze', [x, graph.constant([1])]);
  return {
    token: flat(tokens!),
    probability: flat(probabilities!),
    pendingRows: flat(rowIds!),
  };
}

/** What decides a row's next token. Row r of the logits belongs to row r of the others. */
export interface DrawInputs {
  /** scalar bool: draw, or take the most probable token */
  readonly sample: Value;
  /** scalar bool: whether temperature, top-k or repetition penalty change the logits */
  readonly adjust: Value;
  readonly temperature: Value;
  /** [1] int64; the vocabulary size where there is no limit */
  readonly topK: Value;
  readonly topP: Value;
  readonly penalty: Value;
  /** [rows, any] int64: tokens seen so far, repeated to fill */
  readonly seen: Value;
  /** [rows, TRIES] */
  readonly uniforms: Value;
  /** [rows] int32: a token to take whatever the logits say, or −1 */
  readonly forced: Value;
}

export interface DrawOutputs {
  /** [rows] int32 */
  readonly token: Value;
  /** [rows]: natural log-probability under the softmax of the logits as they are */
  readonly logprob: Value;
  /** [any] int64: rows whose token is undecided */
  readonly pendingRows: Value;
}

function penalise(graph: GraphBuilder, logits: Value, inputs: DrawInputs): Value {
  const seen = graph.node('GatherElements', [logits, inputs.seen], { axis: 1 });
  const negative = graph.node('Less', [seen, graph.scalar(0)]);
  const times = graph.node('Mul', [seen, inputs.penalty]);
  const changed = graph.node('Where', [negative, times, graph.node('Div', [seen, inputs.penalty])]);
  return graph.node('ScatterElements', [logits, inputs.seen, changed], { axis: 1 });
}

/** Repetition penalty, temperature, top-k: transformers' order. */
function adjusted(graph: GraphBuilder, logits: Value, inputs: DrawInputs, vocabSize: number): Value {
  const scaled = graph.node('Div', [penalise(graph, logits, inputs), inputs.temperature]);
  const limited = graph.node('Less', [inputs.topK, graph.constant([vocabSize])]);
  return graph.node('If', [limited], {
    then_branch: graph.subgraph('top_k', (inner) => {
      const [values] = inner.nodes(2, 'TopK', [scaled, inputs.topK], { axis: 1 });
      const last = inner.node('ReduceMin', [values!, inner.constant([1])], { keepdims: 1 });
      const out = inner.node('Less', [scaled, last]);
      inner.output('limited', inner.node('Where', [out, inner.scalar(Number.NEGATIVE_INFINITY), scaled]), 'float32');
    }),
    else_branch: graph.subgraph('no_top_k', (inner) => {
      inner.output('unlimited', inner.node('Identity', [scaled]), 'float32');
    }),
  });
}

/** log softmax(logits) at the tokens [rows, 1] → [rows]. */
function logProbability(graph: GraphBuilder, logits: Value, tokens: Value): Value {
  const chosen = graph.node('GatherElements', [logits, tokens], { axis: 1 });
  const norm = graph.node('ReduceLogSumExp', [logits, graph.constant([1])], { keepdims: 1 });
  return graph.node('Squeeze', [graph.node('Sub', [chosen, norm]), graph.constant([1])]);
}

function choose(graph: GraphBuilder, condition: Value, thenDo: Build, elseDo: Build): Value {
  return graph.node('If', [condition], {
    then_branch: graph.subgraph('then', (inner) => inner.output('then_value', thenDo(inner), 'float32')),
    else_branch: graph.subgraph('else', (inner) => inner.output('else_value', elseDo(inner), 'float32')),
  });
}

type Build = (inner: GraphBuilder) => Value;

/** The next token of each row of logits [rows, vocabSize], and its log-probability. */
export function nextTokens(graph: GraphBuilder, logits: Value, inputs: DrawInputs, vocabSize: number): DrawOutputs {
  const blocks = blocksOf(vocabSize);
  const sampling = graph.subgraph('sampling', (inner) => {
    const p = choose(
      inner,
      inputs.adjust,
      (deep) => softmax(deep, adjusted(deep, logits, inputs, vocabSize), vocabSize, blocks),
      (deep) => softmax(deep, logits, vocabSize, blocks),
    );
    const drawn = drawFromNucleus(inner, p, inputs.uniforms, inputs.topP, blocks);
    const logprob = inner.node('If', [inputs.adjust], {
      then_branch: inner.subgraph('of_logits', (deep) => {
        const column = deep.node('Unsqueeze', [drawn.token, deep.constant([1])]);
        deep.output('logprob_of_logits', logProbability(deep, logits, column), 'float32');
      }),
      else_branch: inner.subgraph('of_probability', (deep) => {
        deep.output('logprob_of_probability', deep.node('Log', [drawn.probability]), 'float32');
      }),
    });
    inner.output('sampled', inner.node('Cast', [drawn.token], { to: INT32 }), 'int32', ['rows']);
    inner.output('sampled_logprob', logprob, 'float32', ['rows']);
    inner.output('rows_left', drawn.pendingRows, 'int64', ['left']);
  });
  const choosing = graph.subgraph('choosing', (inner) => {
    const scores = choose(
      inner,
      inputs.adjust,
      (deep) => penalise(deep, logits, inputs),
      (deep) => deep.node('Identity', [logits]),
    );
    const best = inner.node('Cast', [inner.node('ArgMax', [scores], { axis: 1, keepdims: 0 })], { to: INT32 });
    const isForced = inner.node('GreaterOrEqual', [inputs.forced, inner.constant(Int32Array.of(0), [])]);
    const token = inner.node('Where', [isForced, inputs.forced, best]);
    const column = inner.node('Unsqueeze', [inner.node('Cast', [token], { to: INT64 }), inner.constant([1])]);
    inner.output('chosen', inner.node('Identity', [token]), 'int32', ['rows']);
    inner.output('chosen_logprob', logProbability(inner, logits, column), 'float32', ['rows']);
    inner.output('no_rows', inner.node('Identity', [inner.constant([], [0])]), 'int64', [0]);
  });
  const [token, logprob, pendingRows] = graph.nodes(3, 'If', [inputs.sample], {
    then_branch: sampling,
    else_branch: choosing,
  });
  return { token: token!, logprob: logprob!, pendingRows: pendingRows! };
}

function softmax(graph: GraphBuilder, scores: Value, vocabSize: number, blocks: Blocks): Value {
  const p = graph.node('Softmax', [scores], { axis: 1 });
  if (blocks.padded === vocabSize) return p;
  const pads = graph.constant([0, 0, 0, blocks.padded - vocabSize]);
  return graph.node('Pad', [p, pads, graph.scalar(0)]);
}

/** The draw of the next token with its inputs and outputs, by the names that every graph which draws gives them. */
export function addDraw(graph: GraphBuilder, logits: Value, vocabSize: number): void {
  const next = nextTokens(
    graph,
    logits,
    {
      sample: graph.input('sample', 'bool', []),
      adjust: graph.input('adjust', 'bool', []),
      temperature: graph.input('temperature', 'float32', []),
      topK: graph.input('top_k', 'int64', [1]),
      topP: graph.input('top_p', 'float32', []),
      penalty: graph.input('repetition_penalty', 'float32', []),
      seen: graph.input('seen', 'int64', ['R', 'seen']),
      uniforms: graph.input('uniforms', 'float32', ['R', TRIES]),
      forced: graph.input('forced', 'int32', ['R']),
    },
    vocabSize,
  );
  graph.output('token', next.token, 'int32', ['R']);
  graph.output('logprob', next.logprob, 'float32', ['R']);
  graph.output('pending_rows', next.pendingRows, 'int64', ['left']);
}
