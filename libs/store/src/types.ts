/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;
/** The digest of a task's fingerprint. */
export type Key = Digest;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * One output as the store keeps it. A single file is a blob, `digest` its content's. An output of several files
 * (`files` present) is a tree: `digest` is that of the tree's canonical JSON, which is a blob too.
 */
export interface StoredArtifact {
  readonly type: string;
  readonly digest: Digest;
  /** Bytes, all files together. */
  readonly size: number;
  readonly files?: Readonly<Record<string, { readonly digest: Digest; readonly size: number }>>;
}

/** What is written last, and makes a result visible. */
export interface ResultRecord {
  readonly key: Key;
  /** The readable canonical JSON whose digest is `key`. */
  readonly fingerprint: { readonly [field: string]: Json };
  readonly outputs: Readonly<Record<string, StoredArtifact>>;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly seconds: number;
  /** The run that computed it. */
  readonly run: string;
  /** Notes that are not part of the result: worker, device, shards, warnings. */
  readonly notes?: { readonly [field: string]: Json };
}
