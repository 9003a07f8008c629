import type { RowOf } from '../column.ts';
import { SITES, type STATES_INDEX, type StateSite } from '../columns/states.ts';

// An artifact of states is a folder of two files: a tensor for each site, and a row index beside them.
export const TENSOR_FILE = 'states.safetensors';
export const INDEX_FILE = 'index.parquet';

/** Which sequence a row of states belongs to: the prompt itself (`sample` null), or one of its continuations. */
export interface StateRow {
  readonly promptId: string;
  readonly sample: number | null;
}

export type IndexRow = RowOf<typeof STATES_INDEX>;

/** The name of a site's tensor. */
export function tensorOf(site: StateSite): string {
  return SITES[site].tensor;
}

/** Where the metadata say something of a site's tensor: `layers`, or `layers.<tensor>`. */
export function metadataKey(what: 'layers' | 'convention', site: StateSite): string {
  return site === 'residual' ? what : `${what}.${tensorOf(site)}`;
}
