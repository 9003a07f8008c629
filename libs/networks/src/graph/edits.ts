import type { GraphBuilder, Value } from '@sonde/onnx';
import { editNames } from '../ports/changes.ts';
import type { Site } from '../sites.ts';
import type { TransposedProduct } from './products.ts';

/**
 * Changes x [tokens, size] so many times: keep · x − (x Uᵀ) U + offset, with keep [n, 1], U [k, size] and offset
 * [n, size], where n is 1 or `tokens`. An addition, an erased direction, a mean and a replacement are all of this form.
 */
export function addEdits(
  graph: GraphBuilder,
  x: Value,
  { site, block }: { readonly site: Site; readonly block: number },
  count: number,
  product: TransposedProduct,
): Value {
  let changed = x;
  for (let stage = 0; stage < count; stage++) {
    const { keep, directions, offset } = editNames({ site, stage, block });
    const kept = graph.node('Mul', [changed, keep]);
    const along = product(graph, changed, directions, 2);
    const erased = graph.node('Sub', [kept, graph.node('MatMul', [along, directions])]);
    changed = graph.node('Add', [erased, offset]);
  }
  return changed;
}
