import type { GraphBuilder, Value } from '@sonde/onnx';
import { type Features, SITES, type Site, siteSize } from '../sites.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type Feed, type Feeds, floats } from './feeds.ts';

/** [blocks] each: 1 where a block's attention or MLP adds to the residual stream, 0 where it does not. */
export interface Gates {
  readonly attention: Float32Array;
  readonly mlp: Float32Array;
}

/** A change of the values x [tokens, size] at a site of a block: keep · x − (x Uᵀ) U + offset. n is 1 or `tokens`. */
export interface Edit {
  readonly site: Site;
  /** Which of the changes at that site, in the order in which they are made. */
  readonly stage: number;
  readonly block: number;
  /** [n]; ones if absent */
  readonly keep?: Float32Array;
  /** U [k, size], whose rows are orthonormal; no direction if absent */
  readonly directions?: Float32Array;
  /** [n, size]; zeros if absent */
  readonly offset?: Float32Array;
}

/** What a run changes inside the model. */
export interface Changes {
  readonly gates: Gates;
  readonly edits: readonly Edit[];
}

/** Every block adds to the residual stream. */
export function openGates(layers: number): Gates {
  return { attention: new Float32Array(layers).fill(1), mlp: new Float32Array(layers).fill(1) };
}

/** No change. */
export function noChanges(layers: number): Changes {
  return { gates: openGates(layers), edits: [] };
}

type Place = Pick<Edit, 'site' | 'stage' | 'block'>;

/** The inputs of a change: keep [n, 1], directions [k, size], offset [n, size]. */
export function editNames({ site, stage, block }: Place): Record<'keep' | 'directions' | 'offset', Value> {
  const at = `edit.${site}.${stage}.${block}`;
  return { keep: `${at}.keep`, directions: `${at}.directions`, offset: `${at}.offset` };
}

/** Every change that a graph with these features can make. */
function placesOf({ layers }: TrunkSizes, { edits }: Features): Place[] {
  return SITES.flatMap((site) =>
    Array.from({ length: edits[site] ?? 0 }, (_, stage) => stage).flatMap((stage) =>
      Array.from({ length: layers }, (_, block) => ({ site, stage, block })),
    ),
  );
}

/** Declares the inputs of all changes. @returns the gates, a scalar for each block */
export function changeInputs(
  graph: GraphBuilder,
  sizes: TrunkSizes,
  features: Features,
): { readonly attentionGates: readonly Value[]; readonly mlpGates: readonly Value[] } {
  const { layers } = sizes;
  for (const place of placesOf(sizes, features)) {
    const names = editNames(place);
    const size = siteSize(sizes, place.site);
    // Lengths are named for each input, for equal names would say that they are equal.
    graph.input(names.keep, 'float32', [`${names.keep}.n`, 1]);
    graph.input(names.directions, 'float32', [`${names.directions}.k`, size]);
    graph.input(names.offset, 'float32', [`${names.offset}.n`, size]);
  }
  const gates = (name: string): Value[] => {
    const input = graph.input(name, 'float32', [layers]);
    return graph.nodes(layers, 'Split', [input], { axis: 0, num_outputs: layers });
  };
  return { attentionGates: gates('attention_gates'), mlpGates: gates('mlp_gates') };
}

/** Every change that the graph can make, made or not. */
export function changeFeeds(sizes: TrunkSizes, features: Features, { gates, edits }: Changes): Feeds {
  const made = new Map(edits.map((edit) => [editNames(edit).offset, edit]));
  const ofEdits = placesOf(sizes, features).flatMap((place): [string, Feed][] => {
    const names = editNames(place);
    const size = siteSize(sizes, place.site);
    const { keep, directions, offset } = made.get(names.offset) ?? {};
    const basis = directions && directions.length > 0 ? directions : new Float32Array(size);
    return [
      [names.keep, floats(keep ?? Float32Array.of(1), [keep?.length ?? 1, 1])],
      [names.directions, floats(basis, [basis.length / size, size])],
      [names.offset, floats(offset ?? new Float32Array(size), [(offset?.length ?? size) / size, size])],
    ];
  });
  return { ...gateFeeds(gates), ...Object.fromEntries(ofEdits) };
}

export function gateFeeds({ attention, mlp }: Gates): Feeds {
  return { attention_gates: floats(attention), mlp_gates: floats(mlp) };
}
