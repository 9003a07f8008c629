import type { Attribute, DataType, Dimension, ExternalData, Graph, Node, TensorValue, ValueInfo } from './types.ts';

/** The name of a value in a graph: what nodes take and give. */
export type Value = string;

/** Attributes as plain values: an integral number is an int, `float(x)` a float, a graph a subgraph. */
export type AttributeInput = number | string | readonly number[] | readonly string[] | Graph | Attribute;

/** A float attribute, which a plain integral number would not be. */
export function float(value: number): Attribute {
  return { kind: 'float', value };
}

/** Builds one graph; its values are named by the builder, unless a name is part of the interface. */
export interface GraphBuilder {
  /** Declares an input of the graph. */
  input(name: string, dataType: DataType, dims: readonly Dimension[]): Value;
  /** Declares a value as an output, under the name it is to have outside. */
  output(name: string, value: Value, dataType: DataType, dims?: readonly Dimension[]): void;
  /** Adds a node with one output. An input may be '' where an optional one is absent. A name "domain::Op" sets the domain. */
  node(op: string, inputs: readonly Value[], attributes?: Readonly<Record<string, AttributeInput>>): Value;
  /**
   * Adds a node of constants before all others. ONNX Runtime then runs it just before the node that takes its output, and
   * not all of its kind at the beginning.
   */
  ahead(op: string, inputs: readonly Value[], attributes?: Readonly<Record<string, AttributeInput>>): Value;
  /** Adds a node with `count` outputs. */
  nodes(
    count: number,
    op: string,
    inputs: readonly Value[],
    attributes?: Readonly<Record<string, AttributeInput>>,
  ): Value[];
  /** A constant in the model file; equal ones are kept once. */
  constant(data: Float32Array | Int32Array | BigInt64Array | readonly number[], dims?: readonly number[]): Value;
  /** One float32 number, of shape []. */
  scalar(value: number): Value;
  /** A constant that lies in another file. */
  external(name: string, dataType: DataType, dims: readonly number[], where: ExternalData): Value;
  /** The same as an input of which it is the default: not known beforehand to who executes the graph. */
  variable(name: string, dataType: DataType, dims: readonly number[], where: ExternalData): Value;
  /** A graph for an attribute (`If`, `Loop`), whose nodes may use this graph's values. */
  subgraph(name: string, build: (inner: GraphBuilder) => void): Graph;
  finish(): Graph;
}

function toAttribute(input: AttributeInput): Attribute {
  if (typeof input === 'number') {
    return Number.isInteger(input) ? { kind: 'int', value: input } : { kind: 'float', value: input };
  }
  if (typeof input === 'string') return { kind: 'string', value: input };
  if (Array.isArray(input)) {
    if (input.every((item) => typeof item === 'string')) return { kind: 'strings', value: input };
    const numbers = input as readonly number[];
    return numbers.every(Number.isInteger) ? { kind: 'ints', value: numbers } : { kind: 'floats', value: numbers };
  }
  const known = input as Graph | Attribute;
  return 'kind' in known ? known : { kind: 'graph', value: known };
}

/**
 * Starts a graph.
 * @param prefix put in front of the names that the builder gives, where they are to stand beside another graph's
 */
export function buildGraph(name: string, prefix = ''): GraphBuilder {
  return builder(name, { next: 0 }, prefix);
}

function builder(name: string, counter: { next: number }, prefix: string): GraphBuilder {
  const first: Node[] = [];
  const nodes: Node[] = [];
  const initializers: TensorValue[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const constants = new Map<string, Value>();
  const fresh = (what: string): string => `${prefix}${what}_${counter.next++}`;

  const addNodes = (
    list: Node[],
    count: number,
    op: string,
    from: readonly Value[],
    attributes: Readonly<Record<string, AttributeInput>> = {},
  ): Value[] => {
    const at = op.indexOf('::');
    const [domain, opType] = at < 0 ? ['', op] : [op.slice(0, at), op.slice(at + 2)];
    const label = fresh(opType);
    const to = Array.from({ length: count }, (_, i) => (count === 1 ? label : `${label}.${i}`));
    const entries = Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)] as const);
    list.push({ name: label, opType, domain, inputs: from, outputs: to, attributes: Object.fromEntries(entries) });
    return to;
  };

  const self: GraphBuilder = {
    input(inputName, dataType, dims) {
      inputs.push({ name: inputName, dataType, dims });
      return inputName;
    },
    output(outputName, value, dataType, dims) {
      if (value !== outputName) {
        const node = { name: outputName, opType: 'Identity', domain: '', attributes: {} };
        const producer = nodes.findIndex((candidate) => candidate.outputs.includes(value));
        const used = nodes.some((candidate) => candidate.inputs.includes(value));
        const found = nodes[producer];
        // Renaming the producer's output saves an Identity, which ONNX Runtime runs as a copy.
        if (found && !used && !outputs.some((output) => output.name === value)) {
          nodes[producer] = { ...found, outputs: found.outputs.map((o) => (o === value ? outputName : o)) };
        } else nodes.push({ ...node, inputs: [value], outputs: [outputName] });
      }
      outputs.push(dims ? { name: outputName, dataType, dims } : { name: outputName, dataType });
    },
    node: (op, from, attributes) => addNodes(nodes, 1, op, from, attributes)[0]!,
    ahead: (op, from, attributes) => addNodes(first, 1, op, from, attributes)[0]!,
    nodes: (count, op, from, attributes) => addNodes(nodes, count, op, from, attributes),
    constant(data, dims) {
      const array = ArrayBuffer.isView(data) ? data : BigInt64Array.from(data as readonly number[], BigInt);
      const dataType = array instanceof Float32Array ? 'float32' : array instanceof Int32Array ? 'int32' : 'int64';
      const shape = dims ?? [array.length];
      const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      const key = raw.length <= 256 ? `${dataType}|${shape.join()}|${Buffer.from(raw).toString('base64')}` : undefined;
      const existing = key === undefined ? undefined : constants.get(key);
      if (existing) return existing;
      const label = fresh('constant');
      initializers.push({ name: label, dataType, dims: shape, raw });
      if (key !== undefined) constants.set(key, label);
      return label;
    },
    scalar: (value) => self.constant(Float32Array.of(value), []),
    external(label, dataType, dims, where) {
      initializers.push({ name: label, dataType, dims, external: where });
      return label;
    },
    variable(label, dataType, dims, where) {
      self.input(label, dataType, dims);
      return self.external(label, dataType, dims, where);
    },
    subgraph(innerName, build) {
      const inner = builder(innerName, counter, prefix);
      build(inner);
      return inner.finish();
    },
    finish: () => ({ name, nodes: [...first, ...nodes], initializers, inputs, outputs }),
  };
  return self;
}
