import type { Artifacts } from './artifacts/types.ts';
import type { LocalBlobs } from './blobs/types.ts';
import type { Care } from './care/types.ts';
import type { Copies } from './copies/types.ts';
import type { BlobInfo } from './disk/digest.ts';
import type { Leases } from './leases/types.ts';
import type { Memos } from './memos/types.ts';
import type { LocalResults } from './results/types.ts';
import type { Runs } from './runs/types.ts';
import type { Spool } from './spool/types.ts';

export interface OpenOptions {
  /** Nothing is ever written, not even the layout: for plan, explain and show. */
  readonly readOnly?: boolean;
  /** How often a process shows that it lives; to other hosts it is dead after 12 silent beats. Default 5. */
  readonly heartbeatSeconds?: number;
}

/** A store opened by `openStore`. Failures are `StoreError`s; `BlobDamaged` is one of them. */
export interface Store {
  readonly dir: string;
  readonly readOnly: boolean;
  readonly blobs: LocalBlobs;
  readonly artifacts: Artifacts;
  readonly results: LocalResults;
  readonly memos: Memos;
  readonly copies: Copies;
  readonly leases: Leases;
  readonly spool: Spool;
  readonly runs: Runs;
  readonly care: Care;
  /** A fresh folder on the store's file system; removed by `removeScratch`, `close`, or after this process's death. */
  scratch(): Promise<string>;
  removeScratch(path: string): Promise<void>;
  /** The digest of a file outside the store, remembered by path, size, times and inode. */
  digestOfFile(path: string): Promise<BlobInfo>;
  /** Releases leases and removes scratch folders. A store that is not closed is cleaned up after by the next one. */
  close(): Promise<void>;
}
