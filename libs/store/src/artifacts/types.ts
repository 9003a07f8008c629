import type { Presence } from '../blobs/types.ts';
import type { BlobInfo, Digest } from '../disk/digest.ts';

/**
 * One output as the store keeps it. A single file is a blob, `digest` its content's. An output of several files
 * (`files` present) is a tree: `digest` is that of the tree's canonical JSON, which is a blob too.
 */
export interface StoredArtifact {
  readonly type: string;
  readonly digest: Digest;
  /** Bytes, all files together. */
  readonly size: number;
  readonly files?: Readonly<Record<string, BlobInfo>>;
}

export type TreeFiles = NonNullable<StoredArtifact['files']>;

/** Outputs of steps: files and folders, kept as blobs. */
export interface Artifacts {
  /** `path`: a file, or a folder, which becomes a tree. With `move` files are taken away where that saves a copy. */
  put(type: string, path: string, options?: { readonly move?: boolean }): Promise<StoredArtifact>;
  /** The verified path of a file or a folder. Not to be written to. A tree needs a store that may be written to. */
  open(artifact: StoredArtifact): Promise<string>;
  /** The verified path of one file: of a tree the one of this name. Also where the store cannot be written to. */
  openFile(artifact: StoredArtifact, name?: string): Promise<string>;
  /** A verified copy that shares nothing with the store, put in place by a rename. */
  export(artifact: StoredArtifact, destination: string): Promise<void>;
  /** The worst that is true of any of its blobs, by their sizes: nothing is read. */
  presence(artifact: StoredArtifact): Promise<Presence>;
  /** Reads all of its content. Where any is missing or bad: BlobDamaged, after all that is bad was quarantined. */
  check(artifact: StoredArtifact): Promise<void>;
}
