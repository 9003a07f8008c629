import { PbfWriter } from 'pbf';
import {
  type Attribute,
  DATA_TYPES,
  type Dimension,
  type Graph,
  type Integer,
  type Node,
  type OnnxModel,
  type TensorValue,
  type ValueInfo,
} from './types.ts';

// Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

/** The bytes of an ONNX model (a `ModelProto`). */
export function encodeModel(model: OnnxModel): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, model.irVersion);
  pbf.writeStringField(2, model.producerName);
  pbf.writeMessage(7, writeGraph, model.graph);
  for (const [domain, version] of Object.entries(model.opsets)) pbf.writeMessage(8, writeOpset, { domain, version });
  return pbf.finish();
}

function writeOpset(opset: { domain: string; version: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, opset.domain);
  pbf.writeVarintField(2, opset.version);
}

function writeGraph(graph: Graph, pbf: PbfWriter): void {
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, graph.name);
  for (const tensor of graph.initializers) pbf.writeMessage(5, writeTensor, tensor);
  for (const value of graph.inputs) pbf.writeMessage(11, writeValueInfo, value);
  for (const value of graph.outputs) pbf.writeMessage(12, writeValueInfo, value);
}

function writeNode(node: Node, pbf: PbfWriter): void {
  for (const name of node.inputs) pbf.writeStringField(1, name);
  for (const name of node.outputs) pbf.writeStringField(2, name);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.opType);
  for (const entry of Object.entries(node.attributes)) pbf.writeMessage(5, writeAttribute, entry);
  if (node.domain) pbf.writeStringField(7, node.domain);
}

/** `AttributeProto.AttributeType` */
const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 } as const;

function writeAttribute([name, attribute]: [string, Attribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeVarintField(20, ATTRIBUTE_TYPES[attribute.kind]);
  switch (attribute.kind) {
    case 'float':
      pbf.writeFloatField(2, attribute.value);
      break;
    case 'int':
      pbf.writeTag(3, 0);
      writeInt64(attribute.value, pbf);
      break;
    case 'string':
      pbf.writeStringField(4, attribute.value);
      break;
    case 'tensor':
      pbf.writeMessage(5, writeTensor, attribute.value);
      break;
    case 'graph':
      pbf.writeMessage(6, writeGraph, attribute.value);
      break;
    case 'floats':
      pbf.writePackedFloat(7, [...attribute.value]);
      break;
    case 'ints':
      pbf.writeMessage(8, writeInt64s, attribute.value);
      break;
    case 'strings':
      for (const text of attribute.value) pbf.writeStringField(9, text);
      break;
  }
}

function writeInt64s(values: readonly Integer[], pbf: PbfWriter): void {
  for (const value of values) writeInt64(value, pbf);
}

/** The bits of a signed 64-bit integer, seven a byte. */
function writeInt64(value: Integer, pbf: PbfWriter): void {
  if (typeof value === 'number') {
    pbf.writeVarint(value);
    return;
  }
  pbf.realloc(10);
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) pbf.buf[pbf.pos++] = Number(rest & 0x7fn) | 0x80;
  pbf.buf[pbf.pos++] = Number(rest);
}

function writeTensor(tensor: TensorValue, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [...tensor.dims]);
  pbf.writeVarintField(2, DATA_TYPES[tensor.dataType]);
  pbf.writeStringField(8, tensor.name);
  if (tensor.external) {
    const { location, offset, length } = tensor.external;
    pbf.writeMessage(13, writeStringEntry, ['location', location]);
    pbf.writeMessage(13, writeStringEntry, ['offset', String(offset)]);
    pbf.writeMessage(13, writeStringEntry, ['length', String(length)]);
    pbf.writeVarintField(14, 1);
  } else {
    pbf.writeBytesField(9, tensor.raw ?? new Uint8Array(0));
  }
}

function writeStringEntry([key, value]: [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeValueInfo(value: ValueInfo, pbf: PbfWriter): void {
  pbf.writeStringField(1, value.name);
  pbf.writeMessage(2, writeType, value);
}

function writeType(value: ValueInfo, pbf: PbfWriter): void {
  pbf.writeMessage(1, writeTensorType, value);
}

function writeTensorType(value: ValueInfo, pbf: PbfWriter): void {
  pbf.writeVarintField(1, DATA_TYPES[value.dataType]);
  if (value.dims) pbf.writeMessage(2, writeShape, value.dims);
}

function writeShape(dims: readonly Dimension[], pbf: PbfWriter): void {
  for (const dim of dims) pbf.writeMessage(1, writeDimension, dim);
}

function writeDimension(dim: Dimension, pbf: PbfWriter): void {
  if (typeof dim === 'number') pbf.writeVarintField(1, dim);
  else if (dim !== null) pbf.writeStringField(2, dim);
}
