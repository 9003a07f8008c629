import type { GraphBuilder, Value } from '@sonde/onnx';
import { DRAW_OUT, type DrawInputs, drawInputs } from '../ports/draw.ts';
import { type Blocks, blocksOf, drawFromNucleus } from './nucleus.ts';

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;

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

/** Repetition penalty, banned tokens, temperature, top-k: transformers' order. */
function adjusted(graph: GraphBuilder, logits: Value, inputs: DrawInputs, vocabSize: number): Value {
  const scaled = graph.node('Div', [constrain(graph, logits, inputs), inputs.temperature]);
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

/** A draw for each row of logits. */
function sample(
  graph: GraphBuilder,
  logits: Value,
  inputs: DrawInputs,
  vocabSize: number,
  rounds: number,
): DrawOutputs {
  const blocks = blocksOf(vocabSize);
  const p = choose(
    graph,
    inputs.adjust,
    (deep) => softmax(deep, adjusted(deep, logits, inputs, vocabSize), vocabSize, blocks),
    (deep) => softmax(deep, logits, vocabSize, blocks),
  );
  const drawn = drawFromNucleus(graph, p, inputs.uniforms, inputs.topP, blocks, rounds);
  const logprob = graph.node('If', [inputs.adjust], {
    then_branch: graph.subgraph('of_logits', (deep) => {
      const column = deep.node('Unsqueeze', [drawn.token, deep.constant([1])]);
      deep.output('logprob_of_logits', logProbability(deep, logits, column), 'float32');
    }),
    else_branch: graph.subgraph('of_probability', (deep) => {
      // Log computes the last few rows of a tensor otherwise than the rest; this one takes each by itself.
      const column = deep.node('Unsqueeze', [drawn.probability, deep.constant([1])]);
      const log = deep.node('ReduceLogSum', [column, deep.constant([1])], { keepdims: 0 });
      deep.output('logprob_of_probability', log, 'float32');
    }),
  });
  const token = graph.node('Cast', [drawn.token], { to: INT32 });
  return { token, logprob, pendingRows: drawn.pendingRows };
}

/**
 * The same for a few rows after another: a draw goes over its row's probabilities again and again, and those of few rows
 * stay in the processor's caches meanwhile.
 */
function sampleInPieces(
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
    inner.input('piece_go_on', 'bool', []);
    const tokens = inner.input('piece_tokens', 'int32', ['drawn']);
    const logprobs = inner.input('piece_logprobs', 'float32', ['drawn']);
    const pending = inner.input('piece_pending', 'int64', ['left']);
    const start = inner.node('Mul', [each, number]);
    const end = inner.node('Add', [start, each]);
    const ofPiece = (values: Value): Value => inner.node('Slice', [values, start, end, first]);
    const { seen, uniforms, banned } = inputs;
    const drawn = sample(
      inner,
      ofPiece(logits),
      {
        ...inputs,
        seen: ofPiece(seen),
        uniforms: ofPiece(uniforms),
        ...(banned && { banned: { tokens: ofPiece(banned.tokens), added: ofPiece(banned.added) } }),
      },
      vocabSize,
      1,
    );
    inner.output('piece_go_on_out', inner.node('Identity', ['piece_go_on']), 'bool', []);
    const behind = (before: Value, values: Value): Value => inner.node('Concat', [before, values], { axis: 0 });
    inner.output('piece_tokens_out', behind(tokens, drawn.token), 'int32', ['more']);
    inner.output('piece_logprobs_out', behind(logprobs, drawn.logprob), 'float32', ['more']);
    const left = inner.node('Add', [drawn.pendingRows, start]);
    inner.output('piece_pending_out', behind(pending, left), 'int64', ['more_left']);
  });
  const none = [
    graph.constant(new Int32Array(0), [0]),
    graph.node('Cast', [graph.constant([], [0])], { to: FLOAT }),
    graph.constant([], [0]),
  ];
  const [token, logprob, pendingRows] = graph.nodes(3, 'Loop', [pieces, '', ...none], { body });
  return { token: token!, logprob: logprob!, pendingRows: pendingRows! };
}

/** The next token of each row of logits [rows, vocabSize], and its log-probability. */
export function nextTokens(
  graph: GraphBuilder,
  logits: Value,
  inputs: DrawInputs,
  vocabSize: number,
  rounds = 1,
): DrawOutputs {
  const sampling = graph.subgraph('sampling', (inner) => {
    const { rowsAtATime } = inputs;
    const drawn = rowsAtATime
      ? sampleInPieces(inner, logits, inputs, vocabSize, rowsAtATime)
      : sample(inner, logits, inputs, vocabSize, rounds);
    inner.output('sampled', inner.node('Identity', [drawn.token]), 'int32', ['rows']);
    inner.output('sampled_logprob', inner.node('Identity', [drawn.logprob]), 'float32', ['rows']);
    inner.output('rows_left', inner.node('Identity', [drawn.pendingRows]), 'int64', ['left']);
  });
  const choosing = graph.subgraph('choosing', (inner) => {
    const scores = choose(
      inner,
      inputs.adjust,
      (deep) => constrain(deep, logits, inputs),
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
export function addDraw(graph: GraphBuilder, logits: Value, vocabSize: number, rounds = 1): void {
  const next = nextTokens(graph, logits, drawInputs(graph, rounds), vocabSize, rounds);
  graph.output(DRAW_OUT.token, next.token, 'int32', ['R']);
  graph.output(DRAW_OUT.logprob, next.logprob, 'float32', ['R']);
  graph.output(DRAW_OUT.pending, next.pendingRows, 'int64', ['left']);
}
