import { type DataType, dataTypeOf, type Graph } from '@sonde/onnx';
import { producersOf } from './nodes.ts';

/** Operators whose result has the type of an input other than the first. */
const TYPED_BY: Readonly<Record<string, number>> = {
  Where: 1,
  DequantizeLinear: 1,
  EmbedLayerNormalization: 2,
  GatherBlockQuantized: 2,
  DynamicQuantizeMatMul: 2,
  MatMulIntegerToFloat: 2,
};

/**
 * The element type of a value that carries activations: exporters need not write it, and ONNX Runtime keeps its own
 * inference to itself. Null where it cannot be told.
 */
export function elementTypes(graph: Graph): (value: string) => DataType | null {
  const producers = producersOf(graph.nodes);
  const known = new Map<string, DataType | null>();
  for (const { name, dataType } of [...graph.inputs, ...graph.outputs, ...graph.initializers])
    known.set(name, dataType);
  return (value) => {
    const path: string[] = [];
    let at = value;
    while (!known.has(at)) {
      path.push(at);
      const index = producers.get(at);
      const node = index === undefined ? undefined : graph.nodes[index];
      const { to, value: constant } = node?.attributes ?? {};
      if (node?.opType === 'Cast' && to?.kind === 'int') known.set(at, dataTypeOf(Number(to.value)));
      else if (node?.opType === 'Constant' && constant?.kind === 'tensor') known.set(at, constant.value.dataType);
      else {
        const next = node?.inputs[TYPED_BY[node.opType] ?? 0];
        if (!next || path.includes(next)) known.set(at, null);
        else at = next;
      }
    }
    const type = known.get(at) ?? null;
    for (const name of path) known.set(name, type);
    return type;
  };
}
