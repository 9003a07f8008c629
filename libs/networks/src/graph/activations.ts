import { float, type GraphBuilder, type Value } from '@sonde/onnx';

/** Mean and deviation with which the normal distribution is nearest to relu2 (Ma et al., Mega, arXiv 2209.10655). */
// biome-ignore lint/suspicious/noApproximativeNumericConstant: transformers has these digits
const LAPLACE = { mean: 0.707107, deviation: 0.282095 };

/** The names that config.json files use, and the functions they mean in transformers. */
const ACTIVATIONS = {
  gelu,
  gelu_10: (graph, x) => graph.node('Clip', [gelu(graph, x), graph.scalar(-10), graph.scalar(10)]),
  gelu_accurate: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_new: tanhGelu,
  gelu_python: gelu,
  gelu_python_tanh: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  hardswish: (graph, x) => graph.node('HardSwish', [x]),
  laplace: (graph, x) => normalDistribution(graph, x, LAPLACE),
  leaky_relu: (graph, x) => graph.node('LeakyRelu', [x], { alpha: float(0.01) }),
  linear: (_, x) => x,
  mish: (graph, x) => graph.node('Mul', [x, graph.node('Tanh', [graph.node('Softplus', [x])])]),
  quick_gelu: (graph, x) => graph.node('com.microsoft::QuickGelu', [x], { alpha: float(1.702) }),
  relu: (graph, x) => graph.node('Relu', [x]),
  relu2: (graph, x) => {
    const positive = graph.node('Relu', [x]);
    return graph.node('Mul', [positive, positive]);
  },
  relu6: (graph, x) => graph.node('Clip', [x, graph.scalar(0), graph.scalar(6)]),
  sigmoid: (graph, x) => graph.node('Sigmoid', [x]),
  silu,
  sqrtsoftplus: (graph, x) => graph.node('Sqrt', [graph.node('Softplus', [x])]),
  swish: silu,
  tanh: (graph, x) => graph.node('Tanh', [x]),
} satisfies Record<string, (graph: GraphBuilder, x: Value) => Value>;

export type Activation = keyof typeof ACTIVATIONS;

export const ACTIVATION_NAMES = Object.keys(ACTIVATIONS) as Activation[];

export function activate(graph: GraphBuilder, name: Activation, x: Value): Value {
  return ACTIVATIONS[name](graph, x);
}

function gelu(graph: GraphBuilder, x: Value): Value {
  return graph.node('Gelu', [x]);
}

/** Its cumulative distribution function, (1 + erf((x − mean) / (deviation · √2))) / 2. */
function normalDistribution(graph: GraphBuilder, x: Value, { mean, deviation }: typeof LAPLACE): Value {
  const distance = graph.node('Sub', [x, graph.scalar(mean)]);
  const erf = graph.node('Erf', [graph.node('Mul', [distance, graph.scalar(1 / (deviation * Math.SQRT2))])]);
  return graph.node('Mul', [graph.node('Add', [erf, graph.scalar(1)]), graph.scalar(0.5)]);
}

/** x · sigmoid(x), of which QuickGelu is the general form. */
function silu(graph: GraphBuilder, x: Value): Value {
  return graph.node('com.microsoft::QuickGelu', [x], { alpha: float(1) });
}

function tanhGelu(graph: GraphBuilder, x: Value): Value {
  return graph.node('Gelu', [x], { approximate: 'tanh' });
}

/** What xIELU learns, scalars: both factors before softplus, the slope at 0, and what the exponent stays below. */
interface Xielu {
  readonly positive: Value;
  readonly negative: Value;
  readonly slope: Value;
  readonly below: Value;
}

/** a·x² + slope·x above 0, b·(eˣ − 1 − x) + slope·x below, with a = softplus(positive), b = slope + softplus(negative). */
export function xielu(graph: GraphBuilder, x: Value, { positive, negative, slope, below }: Xielu): Value {
  const softplus = (value: Value): Value => graph.node('Softplus', [value]);
  const times = (a: Value, b: Value): Value => graph.node('Mul', [a, b]);
  const above = times(softplus(positive), times(x, x));
  const curved = graph.node('Sub', [exponentialLess1(graph, graph.node('Min', [x, below])), x]);
  const under = times(graph.node('Add', [slope, softplus(negative)]), curved);
  const isPositive = graph.node('Greater', [x, graph.scalar(0)]);
  return graph.node('Add', [graph.node('Where', [isPositive, above, under]), times(slope, x)]);
}

/** eˣ − 1 as (eˣ + 1)·tanh(x / 2), which loses no digits near 0. */
function exponentialLess1(graph: GraphBuilder, x: Value): Value {
  const sum = graph.node('Add', [graph.node('Exp', [x]), graph.scalar(1)]);
  return graph.node('Mul', [sum, graph.node('Tanh', [graph.node('Mul', [x, graph.scalar(0.5)])])]);
}
