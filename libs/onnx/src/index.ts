export { type AttributeInput, buildGraph, float, type GraphBuilder, type Value } from './builder.ts';
export { decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export { SHORT_SPIN } from './spin.ts';
export {
  type Attribute,
  DATA_TYPES,
  type DataType,
  type Dimension,
  dataTypeOf,
  ELEMENT_SIZES,
  type ExternalData,
  type Graph,
  type Integer,
  type Node,
  type OnnxModel,
  type TensorValue,
  type ValueInfo,
} from './types.ts';
