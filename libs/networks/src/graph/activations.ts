import { float, type GraphBuilder, type Value } from '@sonde/onnx';

/** The names that config.json files use, and the functions they mean in transformers. */
const ACTIVATIONS = {
  gelu: (graph, x) => graph.node('Gelu', [x]),
  gelu_fast: tanhGelu,
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  quick_gelu: (graph, x) => graph.node('com.microsoft::QuickGelu', [x], { alpha: float(1.702) }),
  relu: (graph, x) => graph.node('Relu', [x]),
  relu2: (graph, x) => {
    const positive = graph.node('Relu', [x]);
    return graph.node('Mul', [positive, positive]);
  },
  sigmoid: (graph, x) => graph.node('Sigmoid', [x]),
  silu,
  swish: silu,
  tanh: (graph, x) => graph.node('Tanh', [x]),
} satisfies Record<string, (graph: GraphBuilder, x: Value) => Value>;

export type Activation = keyof typeof ACTIVATIONS;

export const ACTIVATION_NAMES = Object.keys(ACTIVATIONS) as Activation[];

export function activate(graph: GraphBuilder, name: Activation, x: Value): Value {
  return ACTIVATIONS[name](graph, x);
}

/** x · sigmoid(x), of which QuickGelu is the general form. */
function silu(graph: GraphBuilder, x: Value): Value {
  return graph.node('com.microsoft::QuickGelu', [x], { alpha: float(1) });
}

function tanhGelu(graph: GraphBuilder, x: Value): Value {
  return graph.node('Gelu', [x], { approximate: 'tanh' });
}
