import type { GraphBuilder, Value } from '@sonde/onnx';
import type { Site } from '../sites.ts';

/** The names of a change's inputs. */
export function editNames({ site, stage, block }: { site: Site; stage: number; block: number }): {
  readonly keep: string;
  readonly directions: string;
  readonly offset: string;
} {
  const at = `edit.${site}.${stage}.${block}`;
  return { keep: `${at}.keep`, directions: `${at}.directions`, offset: `${at}.offset` };
}

/**
 * Changes x [tokens, size] so many times: keep · x − (x Uᵀ) U + offset, with keep [n, 1], U [k, size] and offset
 * [n, size], where n is 1 or `tokens`. An addition, an erased direction, a mean and a replacement are all of this form.
 */
export function addEdits(graph: GraphBuilder, x: Value, site: Site, block: number, size: number, count: number): Value {
  let changed = x;
  for (let stage = 0; stage < count; stage++) {
    const names = editNames({ site, stage, block });
    // Lengths are named for each input, for equal names would say that they are equal.
    const directions = graph.input(names.directions, 'float32', [`${names.directions}.k`, size]);
    const kept = graph.node('Mul', [changed, graph.input(names.keep, 'float32', [`${names.keep}.n`, 1])]);
    const along = graph.node('com.microsoft::FusedMatMul', [changed, directions], { transB: 1 });
    const erased = graph.node('Sub', [kept, graph.node('MatMul', [along, directions])]);
    changed = graph.node('Add', [erased, graph.input(names.offset, 'float32', [`${names.offset}.n`, size])]);
  }
  return changed;
}
