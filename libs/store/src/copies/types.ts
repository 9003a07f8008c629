import type { Digest } from '../disk/digest.ts';

/** A folder that lies elsewhere: its digest as a tree, and for each name the file's place and what it must be. */
export interface CopySource {
  readonly digest: Digest;
  readonly files: Readonly<Record<string, { readonly path: string; readonly digest: Digest }>>;
}

export interface LendOptions {
  /** All copies together take no more; those that nobody reads go, the least recently used first. */
  readonly maxBytes: number;
  /** Who asks, for the people who look: `the worker of job 12_3`. */
  readonly holder: string;
  readonly signal?: AbortSignal;
}

/** A folder's copy, which stays until it is released. */
export interface Copy {
  /** Not to be written to. */
  readonly path: string;
  /** What was copied for it now, in bytes; 0: it was here. */
  readonly copied: number;
  /** Whether its files are still what they were: their sizes, times and inodes are looked at. */
  isWhole(): Promise<boolean>;
  release(): Promise<void>;
}

/** Folders from a slow place, copied once to this store's disk and shared by the processes that read them. */
export interface Copies {
  /**
   * The copy of a folder; who comes while another makes it waits. Every file is held against its digest: when it is
   * copied, and when a process first meets it. Undefined where there is no room that could be made.
   *
   * @throws StoreError where a file is not what it should be, or nothing can be written
   */
  lend(source: CopySource, options: LendOptions): Promise<Copy | undefined>;
  /** Removes what nobody reads and nobody has read for so many seconds, by the file system's clock. Gives its bytes. */
  clean(unusedSeconds: number): Promise<number>;
}
