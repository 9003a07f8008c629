import type { BlobInfo, Digest } from '../disk/digest.ts';

/**
 * Where content is: `here`, at once; `elsewhere`, so that opening it brings it; `damaged`, so that it is not what its
 * digest and size promise; `missing`, so that only computing it again helps.
 */
export type Presence = 'here' | 'elsewhere' | 'damaged' | 'missing';

/** Content by its digest, wherever it is kept. */
export interface Blobs {
  /** One look (here: one stat), for planning: what has its size is not read. */
  presence(digest: Digest, size?: number): Promise<Presence>;
  /** The path of content checked against its digest (once a process). Missing or bad: BlobDamaged; bad is quarantined. */
  open(digest: Digest): Promise<string>;
  /** Stores a file's content. With `move` the file is taken away where that saves a copy. */
  putFile(path: string, options?: { readonly move?: boolean }): Promise<BlobInfo>;
  putText(text: string): Promise<BlobInfo>;
}

/** Blobs in a folder of this machine. */
export interface LocalBlobs extends Blobs {
  /** Where a blob lies, or would; not checked. */
  path(digest: Digest): string;
}
