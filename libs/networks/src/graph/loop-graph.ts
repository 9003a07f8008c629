import type { GraphBuilder, Value } from '@sonde/onnx';
import type { LanguageModel } from '../architectures/network.ts';
import { presentName } from '../ports/caches.ts';
import { DRAW_OUT } from '../ports/draw.ts';
import { LOOP_OUT, LOOP_ROUNDS, type LoopInputs, loopInputs } from '../ports/loop.ts';
import { type Features, poolLayout } from '../sites.ts';
import { cacheSizes } from '../sizes.ts';
import { nextTokens } from './draw.ts';
import type { RunValues } from './parts.ts';
import { poolMaxima, poolSums } from './pools.ts';
import type { TransposedProduct } from './products.ts';
import { traceTrunk } from './trace.ts';
import type { PlacedWeights } from './weights.ts';

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;

/** Values that one step hands to the next, in the order of the loop's inputs and outputs. */
function carry(graph: GraphBuilder) {
  const names: string[] = [];
  const outputs: { name: string; value: Value; type: 'float32' | 'int64' | 'int32' }[] = [];
  return {
    take(name: string, type: 'float32' | 'int64' | 'int32', dims: readonly (string | number)[]): Value {
      names.push(name);
      return graph.input(`step.${name}`, type, dims);
    },
    give(name: string, value: Value, type: 'float32' | 'int64' | 'int32'): void {
      outputs.push({ name, value, type });
    },
    /** Declares the outputs in the order in which the inputs were taken. */
    finish(): void {
      for (const name of names) {
        const { value, type } = outputs.find((output) => output.name === name)!;
        graph.output(`step.${name}_out`, value, type);
      }
    },
  };
}

/** A step's values of all sequences, [rows] each but `seen`, [rows, any]. */
interface StepValues {
  readonly step: Value;
  readonly ids: Value;
  /** 1 where the newest token is read. */
  readonly reading: Value;
  /** 1 where a draw was not decided. */
  readonly undecided: Value;
  readonly seen: Value;
}

/**
 * Draws the next token of the sequences that go on.
 * @param head gives the logits of some rows
 * @returns what the next step begins with, the log-probabilities [rows], and whether there is one
 */
function drawNext(
  graph: GraphBuilder,
  outside: LoopInputs,
  { step, ids, reading, undecided, seen }: StepValues,
  head: (rows: Value) => Value,
  vocabSize: number,
) {
  /** 1 where a token does not end its sequence. */
  const goesOn = (tokens: Value): Value => {
    const column = graph.node('Unsqueeze', [tokens, graph.constant([1])]);
    const ends = graph.node('Cast', [graph.node('Equal', [column, outside.eos])], { to: FLOAT });
    const ended = graph.node('ReduceMax', [ends, graph.constant([1])], { keepdims: 0 });
    return graph.node('Sub', [graph.scalar(1), ended]);
  };
  const mayDraw = graph.node('Cast', [graph.node('Less', [step, outside.draws])], { to: FLOAT });
  const drawing = graph.node('Mul', [graph.node('Mul', [reading, goesOn(ids)]), mayDraw]);
  // Some operators cannot do with no row at all (TopK on the CPU, Softmax on WebGPU): one is drawn for then.
  const isAny = graph.node('Greater', [
    graph.node('ReduceMax', [drawing, graph.constant([0])], { keepdims: 0 }),
    graph.scalar(0),
  ]);
  const chosen = graph.node('NonZero', [graph.node('Where', [isAny, drawing, outside.first])]);
  const rows = graph.node('Squeeze', [chosen, graph.constant([0])]);
  const ofRows = (values: Value): Value => graph.node('Gather', [values, rows], { axis: 0 });
  const noToken = graph.node('Sub', [graph.node('Sub', [rows, rows]), graph.constant([1])]);
  const next = nextTokens(
    graph,
    head(rows),
    {
      sample: 'sample',
      adjust: 'adjust',
      constrain: 'constrain',
      limit: 'limit',
      temperature: 'temperature',
      topK: 'top_k',
      topP: 'top_p',
      penalty: 'repetition_penalty',
      seen: ofRows(seen),
      uniforms: ofRows(graph.node('Gather', [outside.uniforms, step], { axis: 0 })),
      forced: graph.node('Cast', [noToken], { to: INT32 }),
    },
    vocabSize,
    LOOP_ROUNDS,
  );
  const scatter = (into: Value, where: Value, values: Value): Value =>
    graph.node('ScatterElements', [into, where, values], { axis: 0 });
  const tokens = scatter(ids, rows, next.token);
  const zeros = graph.node('Sub', [reading, reading]);
  const logprobs = scatter(zeros, rows, next.logprob);
  const left = graph.node('Gather', [rows, next.pendingRows], { axis: 0 });
  const undecidedHere = scatter(zeros, left, graph.node('Gather', [drawing, left], { axis: 0 }));
  const undecidedNow = graph.node('Max', [undecided, undecidedHere]);
  const decided = graph.node('Sub', [graph.scalar(1), undecidedNow]);
  const readNext = graph.node('Mul', [drawing, decided]);

  const drawnNext = graph.node('Mul', [readNext, goesOn(tokens)]);
  const live = graph.node('Where', [outside.readLast, readNext, drawnNext]);
  const most = graph.node('ReduceMax', [live, graph.constant([0])], { keepdims: 0 });
  const more = graph.node('Greater', [most, graph.scalar(0)]);
  return { ids: tokens, logprobs, undecided: undecidedNow, reading: readNext, more };
}

/**
 * All decoding steps after the prompts were read, in one `Loop`: the prompts' keys and values are those that the graph
 * around it has just computed, each sequence's own are values that the loop carries, so that on a device with its own
 * memory nothing crosses to the host but tokens, log-probabilities and pooled states. A step reads each sequence's
 * newest token and draws the next for those that go on; it ends when none does.
 */
export function addLoop(
  graph: GraphBuilder,
  { trunk, head: ofNextToken }: LanguageModel,
  weights: PlacedWeights,
  features: Features,
  product: TransposedProduct,
  common: Pick<RunValues, 'rotary' | 'attentionGates' | 'mlpGates'>,
): void {
  const { sizes } = trunk;
  const { vocabSize } = sizes;
  const { size: width } = poolLayout(sizes, features.sites);
  const outside = loopInputs(graph, sizes, features, width);
  const { shapes, maximum: maximumIn } = outside;
  const { rowShape } = shapes;
  const caches = cacheSizes(sizes);
  const kinds = ['key', 'value'] as const;

  const body = graph.subgraph('step', (inner) => {
    const step = inner.input('step.number', 'int64', []);
    inner.input('step.go_on', 'bool', []);
    const carried = carry(inner);
    const ids = carried.take('ids', 'int32', ['loop.rows']);
    const reading = carried.take('reading', 'float32', ['loop.rows']);
    const undecided = carried.take('undecided', 'float32', ['loop.rows']);
    const seenBefore = carried.take('seen', 'int64', ['loop.rows', 'step.W']);
    const before = carried.take('pooled', 'float32', ['loop.rows', 'loop.Q', width]);
    const maximumBefore = maximumIn && carried.take('maximum', 'float32', ['loop.rows', width]);
    const [rowKeys, rowValues] = kinds.map((kind) =>
      caches.map(({ heads, size }, cache) =>
        carried.take(`${cache}.${kind}`, 'float32', ['loop.B', heads, 'loop.K', 'step.S', size]),
      ),
    ) as [Value[], Value[]];

    const at = inner.node('Unsqueeze', [step, inner.constant([0])]);
    const ownLength = inner.node('Add', [at, inner.constant([1])]);
    const reach = inner.node('Add', [inner.node('Add', [outside.promptLength, ownLength]), inner.constant([1])]);
    const maskOf = (masks: Value): Value =>
      inner.node('Slice', [
        inner.node('Gather', [masks, step], { axis: 0 }),
        inner.constant([0]),
        reach,
        inner.constant([4]),
      ]);
    const promptCaches = (kind: 'key' | 'value'): Value[] =>
      caches.map(({ form }, cache) => inner.node('Reshape', [presentName(cache, kind), outside.promptCache[form]!]));
    const { parts, normed, states } = traceTrunk(inner, trunk, weights, features, {
      ...common,
      tokens: { inputIds: ids, positionIds: inner.node('Add', [outside.start, step]), tokenTypes: null },
      attention: {
        shapes,
        product,
        mask: maskOf(outside.mask),
        slidingMask: outside.slidingMask && maskOf(outside.slidingMask),
        caches: {
          shapes: outside.cacheShapes,
          lengths: inner.node('Concat', [outside.promptLength, ownLength, inner.constant([1])], { axis: 0 }),
          promptKeys: promptCaches('key'),
          promptValues: promptCaches('value'),
          rowKeys,
          rowValues,
          keep(cache, keys, values) {
            const grown = (old: Value, added: Value): Value => inner.node('Concat', [old, added], { axis: 3 });
            carried.give(`${cache}.key`, grown(rowKeys[cache]!, keys), 'float32');
            carried.give(`${cache}.value`, grown(rowValues[cache]!, values), 'float32');
            return { keys, values };
          },
        },
      },
    });

    const perRow = states.map((state) => inner.node('Reshape', [state, rowShape]));
    const readingOfPools = inner.node('Unsqueeze', [reading, inner.constant([1, 2])]);
    const summed = poolSums(inner, perRow, {
      weights: inner.node('Mul', [readingOfPools, outside.pools]),
      keep: inner.node('Sub', [inner.scalar(1), inner.node('Mul', [readingOfPools, outside.newest])]),
      before,
    });
    carried.give('pooled', summed, 'float32');
    if (maximumBefore) {
      const isRead = inner.node('Greater', [readingOfPools, inner.scalar(0)]);
      const bias = inner.node('Where', [isRead, inner.scalar(0), inner.scalar(Number.NEGATIVE_INFINITY)]);
      carried.give('maximum', poolMaxima(inner, perRow, bias, maximumBefore), 'float32');
    }

    const newest = inner.node('Unsqueeze', [inner.node('Cast', [ids], { to: INT64 }), inner.constant([1])]);
    const seen = inner.node('Concat', [seenBefore, newest], { axis: 1 });
    carried.give('seen', seen, 'int64');
    const head = (rows: Value): Value => ofNextToken.logits(parts, inner.node('Gather', [normed, rows], { axis: 0 }));
    const next = drawNext(inner, outside, { step, ids, reading, undecided, seen }, head, vocabSize);
    carried.give('ids', next.ids, 'int32');
    carried.give('undecided', next.undecided, 'float32');
    carried.give('reading', next.reading, 'float32');

    inner.output('step.more', next.more, 'bool', []);
    carried.finish();
    inner.output('step.token', inner.node('Identity', [next.ids]), 'int32', ['loop.rows']);
    inner.output('step.logprob', next.logprobs, 'float32', ['loop.rows']);
  });

  const initial = [
    DRAW_OUT.token,
    outside.reading,
    graph.node('Sub', [outside.reading, outside.reading]),
    outside.seen,
    outside.sums,
    ...(maximumIn ? [maximumIn] : []),
    ...kinds.flatMap(() => caches.map(({ form }) => outside.past[form]!)),
  ];
  const results = graph.nodes(initial.length + 2, 'Loop', [outside.steps, '', ...initial], { body });
  const [, , undecided, , pooled] = results;
  graph.output(LOOP_OUT.undecided, undecided!, 'float32', ['loop.rows']);
  graph.output(LOOP_OUT.sums, pooled!, 'float32', ['loop.rows', 'loop.Q', width]);
  if (maximumIn) graph.output(LOOP_OUT.maxima, results[5]!, 'float32', ['loop.rows', width]);
  graph.output(LOOP_OUT.token, results.at(-2)!, 'int32', ['loop.read', 'loop.rows']);
  graph.output(LOOP_OUT.logprob, results.at(-1)!, 'float32', ['loop.read', 'loop.rows']);
}
