import { UserError } from '@sonde/base';
import type { PbfReader } from 'pbf';
import { BoundedReader } from './reader.ts';
import {
  type Attribute,
  type DataType,
  type Dimension,
  dataTypeOf,
  type Graph,
  type Integer,
  type Node,
  type OnnxModel,
  type TensorValue,
  type ValueInfo,
} from './types.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function dataType(code: number): DataType {
  const name = dataTypeOf(code);
  if (!name) throw new UserError('model', `ONNX element type ${code} is not read here.`);
  return name;
}

/**
 * Reads an ONNX model, from whoever it is: bytes that lie about their lengths are refused. Documentation strings, type
 * annotations of inner values and metadata are not kept. Bytes of tensors are views of `bytes`.
 * @throws UserError if the bytes are not an ONNX model or use what is not read here (sequences, sparse tensors,
 * functions)
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  let graph: Graph | undefined;
  const opsets = new Map<string, number>();
  const model = { irVersion: 0, producerName: '' };
  try {
    new BoundedReader(bytes).readFields((field, _, pbf) => {
      if (field === 1) model.irVersion = pbf.readVarint(true);
      else if (field === 2) model.producerName = pbf.readString();
      else if (field === 7) graph = readGraph(pbf);
      else if (field === 8) {
        const { domain, version } = pbf.readMessage(readOpset, { domain: '', version: 0 });
        opsets.set(domain, version);
      } else if (field === 25) throw new UserError('model', 'Functions inside a model are not read here.');
    }, undefined);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError('model', `Not an ONNX model: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!graph) throw new UserError('model', 'Not an ONNX model: it has no graph.');
  return { ...model, opsets: Object.fromEntries(opsets), graph };
}

function readOpset(field: number, opset: { domain: string; version: number }, pbf: PbfReader): void {
  if (field === 1) opset.domain = pbf.readString();
  else if (field === 2) opset.version = pbf.readVarint(true);
}

function readGraph(pbf: PbfReader): Graph {
  const graph = {
    name: '',
    nodes: [] as Node[],
    initializers: [] as TensorValue[],
    inputs: [] as ValueInfo[],
    outputs: [] as ValueInfo[],
  };
  return pbf.readMessage((field, result, reader) => {
    if (field === 1) result.nodes.push(readNode(reader));
    else if (field === 2) result.name = reader.readString();
    else if (field === 5) result.initializers.push(readTensor(reader));
    else if (field === 11) result.inputs.push(readValueInfo(reader));
    else if (field === 12) result.outputs.push(readValueInfo(reader));
    else if (field === 15) throw new UserError('model', 'Sparse initialisers are not read here.');
  }, graph);
}

/** Every reader here is bounded; pbf's own type of its callbacks does not say so. */
function int64s(pbf: PbfReader): BoundedReader {
  return pbf as BoundedReader;
}

function readNode(pbf: PbfReader): Node {
  const attributes = new Map<string, Attribute>();
  const node = { name: '', opType: '', domain: '', inputs: [] as string[], outputs: [] as string[] };
  pbf.readMessage((field, result, reader) => {
    if (field === 1) result.inputs.push(reader.readString());
    else if (field === 2) result.outputs.push(reader.readString());
    else if (field === 3) result.name = reader.readString();
    else if (field === 4) result.opType = reader.readString();
    else if (field === 5) {
      const [name, attribute] = readAttribute(reader);
      attributes.set(name, attribute);
    } else if (field === 7) result.domain = reader.readString();
  }, node);
  return { ...node, attributes: Object.fromEntries(attributes) };
}

const ATTRIBUTE_KINDS = ['float', 'int', 'string', 'tensor', 'graph', 'floats', 'ints', 'strings'] as const;

function readAttribute(pbf: PbfReader): [string, Attribute] {
  let name = '';
  let type = 0;
  const value = {
    float: 0,
    int: 0 as Integer,
    string: '',
    tensor: undefined as TensorValue | undefined,
    graph: undefined as Graph | undefined,
    floats: [] as number[],
    ints: [] as Integer[],
    strings: [] as string[],
  };
  pbf.readMessage((field, result, reader) => {
    if (field === 1) name = reader.readString();
    else if (field === 2) result.float = reader.readFloat();
    else if (field === 3) result.int = int64s(reader).readInt64();
    else if (field === 4) result.string = reader.readString();
    else if (field === 5) result.tensor = readTensor(reader);
    else if (field === 6) result.graph = readGraph(reader);
    else if (field === 7) reader.readPackedFloat(result.floats);
    else if (field === 8) int64s(reader).readPackedInt64(result.ints);
    else if (field === 9) result.strings.push(reader.readString());
    else if (field === 20) type = reader.readVarint();
  }, value);
  const kind = ATTRIBUTE_KINDS[type - 1];
  if (!kind || value[kind] === undefined) {
    throw new UserError('model', `Attribute "${name}" has type ${type}, which is not read here.`);
  }
  return [name, { kind, value: value[kind] } as Attribute];
}

/** The typed fields into which small tensors may be written instead of raw bytes: their element size when raw. */
function packTyped(type: DataType, integers: readonly Integer[]): Uint8Array {
  const values = type === 'int64' || type === 'uint64' ? [] : integers.map(Number);
  switch (type) {
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'float64':
      return new Uint8Array(Float64Array.from(values).buffer);
    case 'int64':
    case 'uint64':
      return new Uint8Array(BigInt64Array.from(integers, (value) => BigInt.asIntN(64, BigInt(value))).buffer);
    case 'int32':
    case 'uint32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'int16':
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return new Uint8Array(Uint16Array.from(values).buffer);
    case 'int8':
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    case 'string':
      throw new UserError('model', 'Tensors of strings are not read here.');
  }
}

function readTensor(pbf: PbfReader): TensorValue {
  const result = { name: '', dims: [] as number[], code: 0, values: [] as Integer[], external: false };
  let raw: Uint8Array | undefined;
  const entries = new Map<string, string>();
  pbf.readMessage((field, tensor, reader) => {
    if (field === 1) reader.readPackedVarint(tensor.dims, true);
    else if (field === 2) tensor.code = reader.readVarint();
    else if (field === 4) reader.readPackedFloat(tensor.values as number[]);
    else if (field === 5 || field === 7 || field === 11) int64s(reader).readPackedInt64(tensor.values);
    else if (field === 8) tensor.name = reader.readString();
    else if (field === 9) raw = reader.readBytes();
    else if (field === 10) reader.readPackedDouble(tensor.values as number[]);
    else if (field === 13) {
      const [key, value] = readStringEntry(reader);
      entries.set(key, value);
    } else if (field === 14) tensor.external = reader.readVarint() === 1;
  }, result);
  const base = { name: result.name, dataType: dataType(result.code), dims: result.dims };
  if (!result.external) return { ...base, raw: raw ?? packTyped(base.dataType, result.values) };
  const location = entries.get('location');
  if (!location) throw new UserError('model', `Initialiser "${result.name}" has external data without a location.`);
  const [offset, length] = [Number(entries.get('offset') ?? 0), Number(entries.get('length') ?? 0)];
  return { ...base, external: { location, offset, length } };
}

function readStringEntry(pbf: PbfReader): [string, string] {
  const entry: [string, string] = ['', ''];
  return pbf.readMessage((field, result, reader) => {
    if (field === 1 || field === 2) result[field - 1] = reader.readString();
  }, entry);
}

function readValueInfo(pbf: PbfReader): ValueInfo {
  let name = '';
  const type = { code: 0, dims: undefined as Dimension[] | undefined };
  pbf.readMessage((field, _, reader) => {
    if (field === 1) name = reader.readString();
    else if (field === 2) reader.readMessage(readType, type);
  }, undefined);
  const value: Writable<ValueInfo> = { name, dataType: dataType(type.code) };
  if (type.dims) value.dims = type.dims;
  return value;
}

interface TensorType {
  code: number;
  dims: Dimension[] | undefined;
}

function readType(field: number, type: TensorType, pbf: PbfReader): void {
  if (field !== 1) return;
  pbf.readMessage((inner, result, reader) => {
    if (inner === 1) result.code = reader.readVarint();
    else if (inner === 2) {
      result.dims = reader.readMessage((tag, dims: Dimension[], shape) => {
        if (tag === 1) dims.push(readDimension(shape));
      }, []);
    }
  }, type);
}

function readDimension(pbf: PbfReader): Dimension {
  const box: { value: Dimension } = { value: null };
  return pbf.readMessage((field, result, reader) => {
    if (field === 1) result.value = reader.readVarint(true);
    else if (field === 2) result.value = reader.readString();
  }, box).value;
}
