/** How the operands of a product are read: `nt` is A·Bᵀ, `tn` is Aᵀ·B. */
export type GemmForm = 'nn' | 'nt' | 'tn';

const DOUBLE = 11; // TensorProto.DataType
const FLOAT_ATTRIBUTE = 1; // AttributeProto.AttributeType
const INT_ATTRIBUTE = 2;

/**
 * An ONNX model of one float64 Gemm node with free shapes: Y = A·B or, with `subtract`, Y = C − A·B.
 * Field numbers: onnx.proto, IR version 8, operator set 13.
 */
export function gemmModel(form: GemmForm, subtract: boolean): Uint8Array {
  const inputs = subtract ? ['A', 'B', 'C'] : ['A', 'B'];
  const node = message(
    ...inputs.map((name) => text(1, name)),
    text(2, 'Y'),
    text(4, 'Gemm'),
    bytes(5, floatAttribute('alpha', subtract ? -1 : 1)),
    bytes(5, floatAttribute('beta', subtract ? 1 : 0)),
    bytes(5, intAttribute('transA', form === 'tn' ? 1 : 0)),
    bytes(5, intAttribute('transB', form === 'nt' ? 1 : 0)),
  );
  const graph = message(
    bytes(1, node),
    text(2, 'gemm'),
    ...inputs.map((name) => bytes(11, matrix(name))),
    bytes(12, matrix('Y')),
  );
  const operatorSet = message(text(1, ''), integer(2, 13));
  return Uint8Array.from(message(integer(1, 8), bytes(7, graph), bytes(8, operatorSet)));
}

function matrix(name: string): number[] {
  const shape = message(bytes(1, text(2, `${name}_rows`)), bytes(1, text(2, `${name}_columns`)));
  const tensor = message(integer(1, DOUBLE), bytes(2, shape));
  return message(text(1, name), bytes(2, bytes(1, tensor)));
}

function floatAttribute(name: string, value: number): number[] {
  const float = [...new Uint8Array(new Float32Array([value]).buffer)];
  return message(text(1, name), [(2 << 3) | 5, ...float], integer(20, FLOAT_ATTRIBUTE));
}

function intAttribute(name: string, value: number): number[] {
  return message(text(1, name), integer(3, value), integer(20, INT_ATTRIBUTE));
}

function message(...fields: number[][]): number[] {
  return fields.flat();
}

function text(field: number, value: string): number[] {
  return bytes(field, [...new TextEncoder().encode(value)]);
}

function bytes(field: number, value: number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(value.length), ...value];
}

function integer(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)];
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest & 127) | 128);
    rest >>>= 7;
  }
  out.push(rest);
  return out;
}
