import type { StoredArtifact } from '@sonde/store';

/** What a job reads: content of the store, or files outside with the digests that the fingerprint stands on. */
export interface OrderInput {
  /** As the job names it. */
  readonly path: string;
  readonly stored?: StoredArtifact;
  readonly files?: readonly { readonly path: string; readonly digest: string }[];
}
