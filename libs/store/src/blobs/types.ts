import type { BlobInfo, Digest } from '../disk/digest.ts';
import type { AcquireOptions } from '../leases/types.ts';

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

export interface ReceiveOptions extends AcquireOptions {
  /** Bytes that it will be, where that is known. */
  readonly size?: number | undefined;
}

/** Content on its way here from elsewhere, which this process alone receives. */
export interface Incoming {
  /** Bytes that are here: those of an earlier attempt that was cut short, and what was appended since. */
  readonly size: number;
  append(part: Uint8Array): Promise<void>;
  /**
   * Where bytes that come after the next `ahead` may be put once those are appended: appended from there, they are not
   * copied. Undefined where content is too small to be worth it.
   */
  room(ahead: number): Uint8Array | undefined;
  /** Throws away what is here. */
  restart(): Promise<void>;
  /** Puts the content into its place where it is what its digest says; false, and gone, where it is not. */
  finish(): Promise<boolean>;
  /** Gives it up for now: what is here stays for the next attempt. */
  leave(): Promise<void>;
}

/** Blobs in a folder of this machine. */
export interface LocalBlobs extends Blobs {
  /** Waits until no other process receives this content; undefined where it is here then. */
  receive(digest: Digest, options: ReceiveOptions): Promise<Incoming | undefined>;
  /**
   * Content of this size in parts, each of which stays as it is until the next is asked for. It is checked on the way: the
   * last part comes once all of it is what the digest says. Missing or bad: BlobDamaged; bad is quarantined.
   */
  read(blob: BlobInfo): AsyncIterable<Uint8Array>;
  /** Where a blob lies, or would; not checked. */
  path(digest: Digest): string;
}
