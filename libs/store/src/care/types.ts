import type { Digest } from '../disk/digest.ts';
import type { Stranger } from '../leases/life.ts';

export interface Pin {
  readonly name: string;
  /** Keys of results or digests of blobs. */
  readonly targets: readonly Digest[];
  readonly created: string;
}

/** What is kept of what was made of contents: the scores of texts. */
export interface MemoStatus {
  /** Who made it: scorers. */
  readonly makers: number;
  readonly values: number;
  readonly bytes: number;
}

export interface StoreStatus {
  readonly dir: string;
  readonly layout: number;
  readonly blobs: number;
  /** Of all blobs. */
  readonly bytes: number;
  readonly results: number;
  readonly runs: number;
  readonly trees: number;
  readonly memos: MemoStatus;
  readonly quarantined: number;
  readonly quarantinedBytes: number;
  readonly pins: number;
  readonly leases: number;
  /** Temporary files, those of live runs included. */
  readonly temporaryBytes: number;
}

export interface VerifyProgress {
  readonly phase: 'blobs' | 'results' | 'trees' | 'memos';
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  /** Make again what follows from the rest: lists and files of trees, records set aside, the index. */
  readonly repair?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface Problem {
  readonly kind: 'store' | 'blob' | 'result' | 'tree' | 'memo' | 'stray' | 'pins' | 'run';
  readonly path: string;
  readonly problem: string;
  /** Where it was moved to; absent where it stays, or was removed. */
  readonly quarantined?: string;
  /** How it was mended. */
  readonly repaired?: string;
}

export interface VerifyReport {
  /** Nothing is wrong, or no more. */
  readonly ok: boolean;
  /** Whether what is bad could be set aside. */
  readonly writable: boolean;
  readonly blobs: number;
  readonly bytes: number;
  readonly results: number;
  readonly trees: number;
  /** Values that were made of contents. */
  readonly values: number;
  readonly problems: readonly Problem[];
}

export interface GcOptions {
  /** Keep what was used within so many days. */
  readonly olderThanDays?: number;
  /** Keep the results of so many last runs. Default 20. */
  readonly keepRuns?: number;
  /** Remove no more than is needed to come below this, least recently used first. */
  readonly maxBytes?: number;
  /** Only say what would go; nothing is written. */
  readonly dryRun?: boolean;
  /** Keep what was written or used in so many last seconds. Default 3600. */
  readonly graceSeconds?: number;
  /** Called once for each process of another host of which only its silence, or its next sign of life, can tell. */
  readonly onWait?: (process: Stranger) => void;
}

export interface GcReport {
  readonly dryRun: boolean;
  readonly results: number;
  readonly blobs: number;
  /** Freed, or to be freed. */
  readonly bytes: number;
  readonly trees: number;
  /** Values made of contents that nobody used for `olderThanDays`; without it, none goes. */
  readonly values: number;
  /** Temporary and quarantined files of processes that are gone. */
  readonly leftovers: number;
  readonly kept: { readonly results: number; readonly blobs: number; readonly bytes: number };
  /** Of `kept`: what stays only because it was written or used within the grace period or since a live run began. */
  readonly recent: { readonly results: number; readonly blobs: number; readonly bytes: number };
  /** The grace period. */
  readonly graceSeconds: number;
}

/** What keeps a store whole and small. */
export interface Care {
  status(): Promise<StoreStatus>;
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  gc(options?: GcOptions): Promise<GcReport>;
  /** Keeps results and blobs for ever; a pin of the same name is replaced. */
  pin(name: string, targets: readonly Digest[]): Promise<void>;
  /** False where there was no such pin. */
  unpin(name: string): Promise<boolean>;
  pins(): Promise<Pin[]>;
}
