export { type AttributeInput, buildGraph, float, type GraphBuilder, type Value } from './builder.ts';
export { decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export {
  type Attribute,
  type DataType,
  type Dimension,
  type ExternalData,
  type Graph,
  type Integer,
  type Node,
  OnnxFormatError,
  type OnnxModel,
  type TensorValue,
  type ValueInfo,
} from './types.ts';
