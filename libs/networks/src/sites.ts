import { UserError } from '@sonde/base';
import { headForms, type TrunkSizes } from './sizes.ts';

/**
 * A value inside each block that can be changed. `residual`: the residual stream after the block. `attention`, `mlp`:
 * what the block's attention or MLP adds to the stream. `heads`: what each attention head gives, before the output
 * projection mixes the heads.
 */
export type Site = 'residual' | 'attention' | 'mlp' | 'heads';

/**
 * Where states are read. `residual` follows transformers: its last layer is the one after the final norm;
 * `residual_raw` is the same with the last layer as the last block leaves it.
 */
export type CaptureSite = PooledSite | 'residual_raw';

/**
 * Where states are pooled. `router`: the weight that each expert of a mixture has for a token, 0 for those not chosen; of
 * the blocks that have experts.
 */
export type PooledSite = Site | 'router';

export const SITES: readonly Site[] = ['residual', 'attention', 'mlp', 'heads'];
export const CAPTURE_SITES: readonly CaptureSite[] = [
  'residual',
  'residual_raw',
  'attention',
  'mlp',
  'heads',
  'router',
];
export const POOLED_SITES: readonly PooledSite[] = [...SITES, 'router'];

/** Numbers that a token has at a site of one block. */
export function siteSize(sizes: TrunkSizes, site: CaptureSite): number {
  if (site === 'router') return sizes.experts?.count ?? 0;
  return site === 'heads' ? sizes.heads * sizes.headSize : sizes.hiddenSize;
}

/** The shape of a token's state at a site, in one layer. */
export function siteShape(sizes: TrunkSizes, site: CaptureSite): readonly number[] {
  return site === 'heads' ? [sizes.heads, sizes.headSize] : [siteSize(sizes, site)];
}

/** The layers that have a site; layer 0, the embedding output, is a state of the residual stream alone. */
export function layersOf({ layers, experts }: TrunkSizes, site: CaptureSite): number[] {
  if (site === 'router') return experts?.blocks.map((block) => block + 1) ?? [];
  const all = Array.from({ length: layers + 1 }, (_, layer) => layer);
  return site === 'residual' || site === 'residual_raw' ? all : all.slice(1);
}

/** One of the values that a graph pools. `normed` is the last state after the final norm; it has no layer number. */
export interface PooledValue {
  readonly site: PooledSite | 'normed';
  /** State layer: 0 is the embedding output, layer l is of block l − 1. */
  readonly layer: number;
  /** Where it lies among a token's pooled numbers. */
  readonly offset: number;
  readonly size: number;
}

/** The order in which a token's pooled numbers come. */
export interface PoolLayout {
  readonly values: readonly PooledValue[];
  /** All numbers together. */
  readonly size: number;
  /** @throws RangeError if that state is not among them */
  find(site: CaptureSite, layer: number): PooledValue;
}

/** The layout of a graph that pools the residual stream and some other sites. */
export function poolLayout(sizes: TrunkSizes, sites: readonly PooledSite[]): PoolLayout {
  const { layers, hiddenSize } = sizes;
  const values: PooledValue[] = [];
  let end = 0;
  const add = (site: PooledValue['site'], layer: number, size: number): void => {
    values.push({ site, layer, offset: end, size });
    end += size;
  };
  for (let layer = 0; layer <= layers; layer++) add('residual', layer, hiddenSize);
  add('normed', layers, hiddenSize);
  for (const site of POOLED_SITES) {
    if (site === 'residual' || !sites.includes(site)) continue;
    for (const layer of layersOf(sizes, site)) add(site, layer, siteSize(sizes, site));
  }
  return {
    values,
    size: end,
    find(site, layer) {
      const stored = site === 'residual_raw' ? 'residual' : site === 'residual' && layer === layers ? 'normed' : site;
      const found = values.find((value) => value.site === stored && value.layer === layer);
      if (!found) throw new RangeError(`the graph does not pool ${site} of layer ${layer}`);
      return found;
    },
  };
}

/** What a graph is built to do beside the usual. */
export interface Features {
  /** Keeps the greatest value of each component over tokens beside sums. */
  readonly maximum: boolean;
  /** Sites, beside the residual stream, whose states are pooled. */
  readonly sites: readonly PooledSite[];
  /** How many changes, one after the other, can be made at a site. */
  readonly edits: Readonly<Partial<Record<Site, number>>>;
}

/** @throws UserError where a trunk does not have what is asked for at some site */
export function requireSites(sizes: TrunkSizes, { sites, edits }: Features): void {
  if (!sites.includes('heads') && edits.heads === undefined) return;
  const found = [...new Set(headForms(sizes).map(({ headSize }) => headSize))];
  if (found.length === 1) return;
  throw new UserError(
    'model',
    `Site "heads" needs heads of one size in all blocks; this model's have ${found.join(' and ')} numbers.`,
  );
}

export const PLAIN: Features = { maximum: false, sites: [], edits: {} };

/** What does all that either does. */
export function joinFeatures(a: Features, b: Features): Features {
  const edits: Partial<Record<Site, number>> = {};
  for (const site of SITES) {
    const most = Math.max(a.edits[site] ?? 0, b.edits[site] ?? 0);
    if (most > 0) edits[site] = most;
  }
  return {
    maximum: a.maximum || b.maximum,
    sites: POOLED_SITES.filter((site) => a.sites.includes(site) || b.sites.includes(site)),
    edits,
  };
}

/** Whether a graph with the features `has` does all that `wanted` asks for. */
export function covers(has: Features, wanted: Features): boolean {
  return (
    (has.maximum || !wanted.maximum) &&
    wanted.sites.every((site) => has.sites.includes(site)) &&
    SITES.every((site) => (has.edits[site] ?? 0) >= (wanted.edits[site] ?? 0))
  );
}
