import type { GraphBuilder, Value } from '@sonde/onnx';

/** How a router chooses among experts. */
export interface Routing {
  readonly experts: number;
  /** How many of them a token has. */
  readonly chosen: number;
  /** What the router's logits become; softmax if not given. */
  readonly scores?: 'softmax' | 'sigmoid';
  /** Whether the chosen ones' weights are divided by their sum. */
  readonly normed: boolean;
  /** What that sum is taken for where it is less; with a sigmoid 1e-20 is added to it if not given. */
  readonly leastSum?: number;
  /** What weights are multiplied by in the end; 1 if not given. */
  readonly factor?: number;
  /**
   * Two experts are chosen by SparseMixer, whatever is said of scores and weights: the distance from an expert, relative to
   * the greater of both logits, beyond which others do not count.
   */
  readonly leftBehind?: number;
  /** Only the experts of some groups can be chosen. */
  readonly groups?: {
    readonly count: number;
    readonly chosen: number;
    /** A group is as good as its best expert, or its best two together. */
    readonly by: 'best' | 'bestTwo';
  };
}

/** What is learned of each expert, [experts]. */
export interface OfExperts {
  /** Added to scores for the choice, not for the weights. */
  readonly bias?: Value;
  /** What the weights of those chosen are multiplied by. */
  readonly scales?: Value;
}

/** The experts of each token, best first, [tokens, chosen] each. */
export interface Chosen {
  /** int64 */
  readonly which: Value;
  readonly weights: Value;
}

/** What is added to a sum of sigmoids before weights are divided by it. */
const LEAST_SUM = 1e-20;
const INT64 = 7;
const FLOAT = 1;

/**
 * Chooses experts by a router's logits [tokens, experts].
 */
export function chooseExperts(
  graph: GraphBuilder,
  logits: Value,
  routing: Routing,
  { bias, scales }: OfExperts,
): Chosen {
  const { experts, chosen, scores: form = 'softmax', normed, factor = 1, groups, leftBehind } = routing;
  if (leftBehind !== undefined) return mixSparsely(graph, logits, leftBehind);
  const scores = form === 'softmax' ? graph.node('Softmax', [logits], { axis: -1 }) : graph.node('Sigmoid', [logits]);
  const raised = bias === undefined ? scores : graph.node('Add', [scores, bias]);
  const eligible = groups ? ofBestGroups(graph, raised, experts, groups) : raised;
  const [most, which] = graph.nodes(2, 'TopK', [eligible, graph.constant([chosen])], { axis: -1 });
  const weights = bias === undefined ? most! : graph.node('GatherElements', [scores, which!], { axis: 1 });
  const shared = normed ? graph.node('Div', [weights, sumOf(graph, weights, routing)]) : weights;
  const own =
    scales === undefined ? shared : graph.node('Mul', [shared, graph.node('Gather', [scales, which!], { axis: 0 })]);
  return { which: which!, weights: factor === 1 ? own : graph.node('Mul', [own, graph.scalar(factor)]) };
}

/** What the weights [tokens, chosen] are divided by. */
function sumOf(graph: GraphBuilder, weights: Value, { scores, leastSum }: Routing): Value {
  const sum = graph.node('ReduceSum', [weights, graph.constant([1])], { keepdims: 1 });
  if (leastSum !== undefined) return graph.node('Max', [sum, graph.scalar(leastSum)]);
  return scores === 'sigmoid' ? graph.node('Add', [sum, graph.scalar(LEAST_SUM)]) : sum;
}

/**
 * SparseMixer's two experts (Liu et al., arXiv 2409.12136): the best one, and the best of the others. Each has the weight
 * that softmax gives it among those that are not left behind by it.
 */
function mixSparsely(graph: GraphBuilder, logits: Value, leftBehind: number): Chosen {
  const least = graph.scalar(Number.NEGATIVE_INFINITY);
  const best = (open: Value) => {
    const [most, which] = graph.nodes(2, 'TopK', [open, graph.constant([1])], { axis: -1 });
    const against = graph.node('Max', [graph.node('Abs', [logits]), most!]);
    const behind = graph.node('Div', [graph.node('Sub', [most!, logits]), against]);
    const isFar = graph.node('Greater', [behind, graph.scalar(leftBehind)]);
    const shares = graph.node('Softmax', [graph.node('Where', [isFar, least, open])], { axis: -1 });
    return { which: which!, weight: graph.node('GatherElements', [shares, which!], { axis: 1 }) };
  };
  const first = best(logits);
  const taken = graph.node('Expand', [least, graph.node('Shape', [first.which])]);
  const second = best(graph.node('ScatterElements', [logits, first.which, taken], { axis: 1 }));
  return {
    which: graph.node('Concat', [first.which, second.which], { axis: 1 }),
    weights: graph.node('Concat', [first.weight, second.weight], { axis: 1 }),
  };
}

/** Scores [tokens, experts], those outside a token's best groups −∞. */
function ofBestGroups(
  graph: GraphBuilder,
  scores: Value,
  experts: number,
  { count, chosen, by }: NonNullable<Routing['groups']>,
): Value {
  const apart = graph.node('Reshape', [scores, graph.constant([-1, count, experts / count])]);
  const [best] = graph.nodes(2, 'TopK', [apart, graph.constant([by === 'best' ? 1 : 2])], { axis: -1 });
  const ofGroups = graph.node('ReduceSum', [best!, graph.constant([2])], { keepdims: 0 });
  const [, which] = graph.nodes(2, 'TopK', [ofGroups, graph.constant([chosen])], { axis: -1 });
  const isIn = graph.node('Unsqueeze', [marks(graph, which!, count, FLOAT), graph.constant([2])]);
  const open = graph.node('Greater', [isIn, graph.scalar(0)]);
  const kept = graph.node('Where', [open, apart, graph.scalar(Number.NEGATIVE_INFINITY)]);
  return graph.node('Reshape', [kept, graph.constant([-1, experts])]);
}

/** 1 at the given places [tokens, some] of each row, 0 at the others: [tokens, count]. */
function marks(graph: GraphBuilder, places: Value, count: number, type: typeof INT64 | typeof FLOAT): Value {
  return scatter(graph, places, graph.node('Cast', [onesLike(graph, places)], { to: type }), count, type);
}

function onesLike(graph: GraphBuilder, x: Value): Value {
  return graph.node('Add', [graph.node('Sub', [x, x]), graph.constant(BigInt64Array.of(1n), [])]);
}

/** Values at given places [tokens, some] of rows of `count` numbers, 0 at the others. */
function scatter(graph: GraphBuilder, places: Value, values: Value, count: number, type: number): Value {
  const rows = graph.node('Shape', [places], { start: 0, end: 1 });
  const shape = graph.node('Concat', [rows, graph.constant([count])], { axis: 0 });
  const zero = type === FLOAT ? graph.scalar(0) : graph.constant(BigInt64Array.of(0n), []);
  return graph.node('ScatterElements', [graph.node('Expand', [zero, shape]), places, values], { axis: 1 });
}

/** Each expert's weight for a token, 0 where it is not chosen: [tokens, experts]. */
export function routerStates(graph: GraphBuilder, { which, weights }: Chosen, experts: number): Value {
  return scatter(graph, which, weights, experts, FLOAT);
}

/**
 * The sum of each token's experts by their weights. Tokens are brought in the order of their experts, so that each
 * expert computes those that chose it and no others; one that nobody chose computes nothing.
 * @param x [tokens, size]
 * @param expert writes what an expert makes of some tokens, [any, size], into the graph given
 */
export function mixExperts(
  graph: GraphBuilder,
  x: Value,
  { which, weights }: Chosen,
  { experts, chosen }: Pick<Routing, 'experts' | 'chosen'>,
  expert: (inner: GraphBuilder, number: number, rows: Value) => Value,
): Value {
  const chose = marks(graph, which, experts, INT64);
  const before = graph.node('CumSum', [chose, graph.constant(BigInt64Array.of(0n), [])], { exclusive: 1 });
  const counts = graph.node('ReduceSum', [chose, graph.constant([0])], { keepdims: 0 });
  const starts = graph.node('CumSum', [counts, graph.constant(BigInt64Array.of(0n), [])], { exclusive: 1 });
  /** Where each choice of a token lies in the order of experts. */
  const places = graph.node('GatherElements', [graph.node('Add', [before, starts]), which], { axis: 1 });
  const flat = graph.node('Reshape', [places, graph.constant([-1])]);
  const total = graph.node('Squeeze', [graph.node('Shape', [flat]), graph.constant([0])]);
  const [none, one] = [graph.constant(BigInt64Array.of(0n), []), graph.constant(BigInt64Array.of(1n), [])];
  const choices = graph.node('Range', [none, total, one]);
  const order = graph.node('ScatterElements', [graph.node('Sub', [flat, flat]), flat, choices], { axis: 0 });
  const tokens = graph.node('Div', [order, graph.constant(BigInt64Array.of(BigInt(chosen)), [])]);
  const sorted = graph.node('Gather', [x, tokens], { axis: 0 });
  const apart = graph.nodes(experts, 'Split', [sorted, counts], { axis: 0 });
  const each = experts === 1 ? [none] : graph.nodes(experts, 'Split', [counts], { axis: 0, num_outputs: experts });
  const outputs = apart.map((rows, number) => {
    if (experts === 1) return expert(graph, number, rows);
    const isChosen = graph.node('Greater', [each[number]!, graph.constant([0])]);
    const thenBranch = graph.subgraph(`expert.${number}`, (inner) => {
      inner.output(`${rows}.made`, expert(inner, number, rows), 'float32');
    });
    const elseBranch = graph.subgraph(`no-expert.${number}`, (inner) => {
      inner.output(`${rows}.kept`, inner.node('Identity', [rows]), 'float32');
    });
    return graph.node('If', [isChosen], { then_branch: thenBranch, else_branch: elseBranch });
  });
  const made = graph.node('Gather', [graph.node('Concat', outputs, { axis: 0 }), places], { axis: 0 });
  const weighed = graph.node('Mul', [made, graph.node('Unsqueeze', [weights, graph.constant([2])])]);
  return graph.node('ReduceSum', [weighed, graph.constant([1])], { keepdims: 0 });
}
