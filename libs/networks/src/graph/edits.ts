import type { GraphBuilder, Value } from '@sonde/onnx';
import type { DecoderSizes } from '../architectures/architecture.ts';
import { type Features, SITES, type Site, siteSize } from '../sites.ts';
import type { TransposedProduct } from './products.ts';

/** The names of a change's inputs. */
export function editNames({ site, stage, block }: { site: Site; stage: number; block: number }): {
  readonly keep: string;
  readonly directions: string;
  readonly offset: string;
} {
  const at = `edit.${site}.${stage}.${block}`;
  return { keep: `${at}.keep`, directions: `${at}.directions`, offset: `${at}.offset` };
}

/** Declares the inputs of every change that a graph can make. */
export function declareEdits(graph: GraphBuilder, sizes: DecoderSizes, features: Features): void {
  for (const site of SITES) {
    const size = siteSize(sizes, site);
    for (let stage = 0; stage < (features.edits[site] ?? 0); stage++) {
      for (let block = 0; block < sizes.layers; block++) {
        const names = editNames({ site, stage, block });
        // Lengths are named for each input, for equal names would say that they are equal.
        graph.input(names.keep, 'float32', [`${names.keep}.n`, 1]);
        graph.input(names.directions, 'float32', [`${names.directions}.k`, size]);
        graph.input(names.offset, 'float32', [`${names.offset}.n`, size]);
      }
    }
  }
}

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
