import type { GraphBuilder, Value } from '@sonde/onnx';
import type { Trunk } from '../architectures/network.ts';
import { type Features, type PoolLayout, poolLayout, type Site } from '../sites.ts';
import { addEdits } from './edits.ts';
import { createParts, type Parts, type RunValues } from './parts.ts';
import type { PlacedWeights } from './weights.ts';

/** A trunk in a graph, from token ids to the last state. */
export interface Traced {
  readonly parts: Parts;
  /** [tokens, d] after the final norm */
  readonly normed: Value;
  /** The pooled values in their order, [tokens, size] each. */
  readonly states: readonly Value[];
  readonly layout: PoolLayout;
}

/** Writes a trunk's description into a graph: the one place that does, for every form of graph. */
export function traceTrunk(
  graph: GraphBuilder,
  trunk: Trunk,
  weights: PlacedWeights,
  features: Features,
  run: Omit<RunValues, 'passSite' | 'noteRouter'>,
): Traced {
  const { layers } = trunk.sizes;
  const states = new Map<string, Value>();
  const passSite = (site: Site, block: number, x: Value): Value => {
    const changed = addEdits(graph, x, { site, block }, features.edits[site] ?? 0, run.attention.product);
    states.set(`${site}.${block + 1}`, changed);
    return changed;
  };
  const noteRouter = (block: number, of: () => Value): void => {
    if (features.sites.includes('router')) states.set(`router.${block + 1}`, of());
  };
  const parts = createParts(graph, weights, trunk.sizes, { ...run, passSite, noteRouter });
  let hidden = trunk.embed(parts, run.tokens.inputIds);
  states.set('residual.0', hidden);
  const besides = trunk.besides?.(parts, run.tokens.inputIds, hidden);
  for (let block = 0; block < layers; block++) {
    hidden = passSite('residual', block, trunk.block(parts, block, hidden, besides?.[block]));
  }
  const normed = trunk.finalNorm(parts, hidden);
  states.set(`normed.${layers}`, normed);
  const layout = poolLayout(trunk.sizes, features.sites);
  return { parts, normed, states: layout.values.map(({ site, layer }) => states.get(`${site}.${layer}`)!), layout };
}
