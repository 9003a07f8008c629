/** ONNX element types by name, with the numbers of `TensorProto.DataType` (onnx.proto). */
export const DATA_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

export type DataType = keyof typeof DATA_TYPES;

/** The type of a `TensorProto.DataType` number, or null if it is none of those read here. */
export function dataTypeOf(code: number): DataType | null {
  return (Object.keys(DATA_TYPES) as DataType[]).find((name) => DATA_TYPES[name] === code) ?? null;
}

/** Bytes of one element. */
export const ELEMENT_SIZES: Readonly<Record<Exclude<DataType, 'string'>, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
  bfloat16: 2,
};

/** A dimension: a size, a symbolic name, or null where nothing is known. */
export type Dimension = number | string | null;

/** Where an initialiser's bytes lie outside the model file. `location` is relative to the model's folder. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A constant tensor; `raw` holds little-endian bytes in row-major order. Exactly one of `raw` and `external` is given. */
export interface TensorValue {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
  readonly raw?: Uint8Array;
  readonly external?: ExternalData;
}

/** An input or output of a graph. Without `dims` the rank is unknown. */
export interface ValueInfo {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims?: readonly Dimension[];
}

/** A 64-bit integer: a number where it is a safe one, else a bigint. */
export type Integer = number | bigint;

export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: Integer }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: TensorValue }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly Integer[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] };

/** An operation. An absent optional input or output is the empty string. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly TensorValue[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName: string;
  /** Operator set versions by domain; '' is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly graph: Graph;
}
