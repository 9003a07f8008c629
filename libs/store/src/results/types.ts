import type { JsonObject } from '@sonde/base';
import type { StoredArtifact } from '../artifacts/types.ts';
import type { Key } from '../disk/digest.ts';

/** What is written last, and makes a result visible. */
export interface ResultRecord {
  readonly key: Key;
  /** The readable canonical JSON whose digest is `key`. */
  readonly fingerprint: JsonObject;
  readonly outputs: Readonly<Record<string, StoredArtifact>>;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly seconds: number;
  /** The run that computed it. */
  readonly run: string;
  /** Notes that are not part of the result: worker, device, shards, warnings. */
  readonly notes?: JsonObject;
}

/** What is known of a key. */
export type FoundResult =
  | { readonly presence: 'here'; readonly record: ResultRecord }
  /** There was a result. `outputs`: those whose content is lost; none where the record itself is bad. */
  | { readonly presence: 'damaged'; readonly problem: string; readonly outputs: readonly string[] }
  | { readonly presence: 'missing' };

/** Result records by their keys, wherever they are kept. A damaged or foreign record is none, and is quarantined. */
export interface Results {
  find(key: Key): Promise<FoundResult>;
  /** The record, where it is here. */
  get(key: Key): Promise<ResultRecord | undefined>;
  /** Makes a result visible. Its blobs must be there (BlobDamaged). An earlier record of the key is replaced. */
  put(record: ResultRecord): Promise<void>;
}

/** Results in a folder of this machine, which can be looked through. */
export interface LocalResults extends Results {
  all(): AsyncIterable<ResultRecord>;
  /** The newest results whose fingerprint's `kind` is this, newest first. `limit` is 20 unless told. */
  nearest(kind: string, limit?: number): Promise<ResultRecord[]>;
}
