import type { DataType, GraphBuilder, Value } from '@sonde/onnx';
import { DRAW_OUT, type DrawInputs, drawInputs } from '../ports/draw.ts';
import { type Blocks, blocksOf, drawFromNucleus } from './nucleus.ts';

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
/** The greatest float32. */
const FLOAT_MAX = (2 - 2 ** -23) * 2 ** 127;

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

/** The repetition penalty, then what cannot come. */
function constrain(graph: GraphBuilder, logits: Value, inputs: DrawInputs): Value {
  const penalised = penalise(graph, logits, inputs);
  if (!inputs.banned) return penalised;
  const { tokens, added } = inputs.banned;
  const changed = graph.node('Add', [graph.node('GatherElements', [penalised, tokens], { axis: 1 }), added]);
  return graph.node('ScatterElements', [penalised, tokens, changed], { axis: 1 });
}

/** Temperature and top-k of constrained logits, then softmax: transformers' order. */
function adjusted(graph: GraphBuilder, logits: Value, inputs: DrawInputs, softmax: Softmax): Value {
  const scaled = choose(
    graph,
    inputs.constrain,
    (inner) => inner.node('Div', [constrain(inner, logits, inputs), inputs.temperature]),
    (inner) => inner.node('Div', [logits, inputs.temperature]),
  );
  return choose(
    graph,
    inputs.limit,
    (inner) => {
      const [values] = inner.nodes(2, 'TopK', [scaled, inputs.topK], { axis: 1 });
      const last = inner.node('ReduceMin', [values!, inner.constant([1])], { keepdims: 1 });
      const out = inner.node('Cast', [inner.node('Less', [scaled, last])], { to: FLOAT });
      // What is in keeps its number, for a product with 0 adds nothing: twice as fast as Where.
      return softmax(inner, inner.node('Add', [scaled, inner.node('Mul', [out, inner.scalar(-FLOAT_MAX)])]));
    },
    (inner) => softmax(inner, scaled),
  );
}

/** log softmax(logits) at the tokens [rows, 1] → [rows], each row by itself. */
function logProbability(graph: GraphBuilder, logits: Value, tokens: Value): Value {
  const chosen = graph.node('GatherElements', [logits, tokens], { axis: 1 });
  const most = graph.node('ReduceMax', [logits, graph.constant([1])], { keepdims: 1 });
  // Ten times as fast as ReduceLogSumExp, which does one number after another.
  const powers = graph.node('Exp', [graph.node('Sub', [logits, most])]);
  const sum = graph.node('ReduceSum', [powers, graph.constant([1])], { keepdims: 1 });
  const difference = graph.node('Squeeze', [graph.node('Sub', [chosen, most]), graph.constant([1])]);
  return graph.node('Sub', [difference, logarithm(graph, sum)]);
}

/** Of [rows, 1] → [rows]. Log computes the last few numbers of a tensor otherwise than the rest; this takes each by itself. */
function logarithm(graph: GraphBuilder, column: Value): Value {
  return graph.node('ReduceLogSum', [column, graph.constant([1])], { keepdims: 0 });
}

type Build = (inner: GraphBuilder) => Value;

function choose(
  graph: GraphBuilder,
  condition: Value,
  thenDo: Build,
  elseDo: Build,
  type: DataType = 'float32',
): Value {
  return graph.node('If', [condition], {
    then_branch: graph.subgraph('then', (inner) => inner.output('then_value', thenDo(inner), type)),
    else_branch: graph.subgraph('else', (inner) => inner.output('else_value', elseDo(inner), type)),
  });
}

/** Rows, an output for each of `DrawOutputs`. */
function putOut(graph: GraphBuilder, name: string, { token, logprob, pendingRows }: DrawOutputs): void {
  graph.output(`${name}_token`, token, 'int32', ['rows']);
  graph.output(`${name}_logprob`, logprob, 'float32', ['rows']);
  graph.output(`${name}_pending`, pendingRows, 'int64', ['left']);
}

/** A draw for each row of logits. */
function sample(
  graph: GraphBuilder,
  logits: Value,
  inputs: DrawInputs,
  vocabSize: number,
  rounds: number,
): DrawOutputs {
  const blocks = blocksOf(vocabSize);
  const softmax = paddedSoftmax(vocabSize, blocks);
  const p = choose(
    graph,
    inputs.adjust,
    (deep) => adjusted(deep, logits, inputs, softmax),
    (deep) => softmax(deep, logits),
  );
  const drawn = drawFromNucleus(graph, p, inputs.uniforms, inputs.topP, blocks, rounds);
  const column = (deep: GraphBuilder, values: Value): Value => deep.node('Unsqueeze', [values, deep.constant([1])]);
  const logprob = choose(
    graph,
    inputs.adjust,
    (deep) => logProbability(deep, logits, column(deep, drawn.token)),
    (deep) => logarithm(deep, column(deep, drawn.probability)),
  );
  return { token: graph.node('Cast', [drawn.token], { to: INT32 }), logprob, pendingRows: drawn.pendingRows };
}

/** The most probable token of each row of logits, or the one that is forced. */
function take(graph: GraphBuilder, logits: Value, inputs: DrawInputs): DrawOutputs {
  const best = choose(
    graph,
    inputs.constrain,
    (inner) => inner.node('ArgMax', [constrain(inner, logits, inputs)], { axis: 1, keepdims: 0 }),
    (inner) => inner.node('ArgMax', [logits], { axis: 1, keepdims: 0 }),
    'int64',
  );
  const isForced = graph.node('GreaterOrEqual', [inputs.forced, graph.constant(Int32Array.of(0), [])]);
  const token = graph.node('Where', [isForced, inputs.forced, graph.node('Cast', [best], { to: INT32 })]);
  const column = graph.node('Unsqueeze', [graph.node('Cast', [token], { to: INT64 }), graph.constant([1])]);
  const logprob = logProbability(graph, logits, column);
  return { token, logprob, pendingRows: graph.node('Identity', [graph.constant([], [0])]) };
}

/** The next token of each row of logits [rows, vocabSize], and its log-probability. */
export function nextTokens(
  graph: GraphBuilder,
  logits: Value,
  inputs: DrawInputs,
  vocabSize: number,
  rounds = 1,
): DrawOutputs {
  const [token, logprob, pendingRows] = graph.nodes(3, 'If', [inputs.sample], {
    then_branch: graph.subgraph('sampling', (inner) => {
      putOut(inner, 'sampled', sample(inner, logits, inputs, vocabSize, rounds));
    }),
    else_branch: graph.subgraph('taking', (inner) => putOut(inner, 'taken', take(inner, logits, inputs))),
  });
  return { token: token!, logprob: logprob!, pendingRows: pendingRows! };
}

/**
 * The same for a few rows after another: a draw goes over its row's numbers again and again, and those of few rows stay in
 * the processor's caches meanwhile.
 */
function nextTokensInPieces(
  graph: GraphBuilder,
  logits: Value,
  inputs: DrawInputs,
  vocabSize: number,
  each: Value,
): DrawOutputs {
  const first = graph.constant([0]);
  const rows = graph.node('Slice', [graph.node('Shape', [logits]), first, graph.constant([1])]);
  const upTo = graph.node('Add', [rows, graph.node('Sub', [each, graph.constant([1])])]);
  const pieces = graph.node('Squeeze', [graph.node('Div', [upTo, each]), first]);
  const body = graph.subgraph('piece', (inner) => {
    const number = inner.input('piece', 'int64', []);
    const goesOn = inner.input('piece_go_on', 'bool', []);
    const tokens = inner.input('piece_tokens', 'int32', ['drawn']);
    const logprobs = inner.input('piece_logprobs', 'float32', ['drawn']);
    const pending = inner.input('piece_pending', 'int64', ['left']);
    const start = inner.node('Mul', [each, number]);
    const end = inner.node('Min', [inner.node('Add', [start, each]), rows]);
    const scalar = (value: Value): Value => inner.node('Squeeze', [value, first]);
    const numbers = inner.node('Range', [scalar(start), scalar(end), inner.constant([1], [])]);
    const ofPiece = (values: Value): Value => inner.node('Gather', [values, numbers], { axis: 0 });
    const { seen, uniforms, forced, banned } = inputs;
    const drawn = nextTokens(
      inner,
      ofPiece(logits),
      {
        ...inputs,
        seen: ofPiece(seen),
        uniforms: ofPiece(uniforms),
        forced: ofPiece(forced),
        ...(banned && { banned: { tokens: ofPiece(banned.tokens), added: ofPiece(banned.added) } }),
      },
      vocabSize,
    );
    inner.output('piece_goes_on', inner.node('Identity', [goesOn]), 'bool', []);
    const behind = (before: Value, values: Value): Value => inner.node('Concat', [before, values], { axis: 0 });
    putOut(inner, 'pieces', {
      token: behind(tokens, drawn.token),
      logprob: behind(logprobs, drawn.logprob),
      pendingRows: behind(pending, inner.node('Add', [drawn.pendingRows, start])),
    });
  });
  const none = [
    graph.constant(new Int32Array(0), [0]),
    graph.constant(new Float32Array(0), [0]),
    graph.constant([], [0]),
  ];
  const [token, logprob, pendingRows] = graph.nodes(3, 'Loop', [pieces, '', ...none], { body });
  return { token: token!, logprob: logprob!, pendingRows: pendingRows! };
}

type Softmax = (graph: GraphBuilder, scores: Value) => Value;

/** Probabilities [rows, padded], 0 behind the vocabulary. */
function paddedSoftmax(vocabSize: number, { padded }: Blocks): Softmax {
  return (graph, scores) => {
    const p = graph.node('Softmax', [scores], { axis: 1 });
    if (padded === vocabSize) return p;
    return graph.node('Pad', [p, graph.constant([0, 0, 0, padded - vocabSize]), graph.scalar(0)]);
  };
}

/** The draw of the next token with its inputs and outputs, by the names that every graph which draws gives them. */
export function addDraw(graph: GraphBuilder, logits: Value, vocabSize: number, rounds = 1): void {
  const inputs = drawInputs(graph, rounds);
  const { rowsAtATime } = inputs;
  const next = rowsAtATime
    ? nextTokensInPieces(graph, logits, inputs, vocabSize, rowsAtATime)
    : nextTokens(graph, logits, inputs, vocabSize, rounds);
  graph.output(DRAW_OUT.token, next.token, 'int32', ['R']);
  graph.output(DRAW_OUT.logprob, next.logprob, 'float32', ['R']);
  graph.output(DRAW_OUT.pending, next.pendingRows, 'int64', ['left']);
}
