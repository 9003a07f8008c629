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

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface OpenOptions {
  /** Nothing is ever written, not even the layout: for plan, explain and show. */
  readonly readOnly?: boolean;
  /** How often a process shows that it lives; to other hosts it is dead after 12 silent beats. Default 5. */
  readonly heartbeatSeconds?: number;
}

/** The right to compute one key. */
export interface Lease {
  readonly key: Key;
  /** Aborts when another process has taken the lease over, because this one seemed dead. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface AcquireOptions {
  /** Who asks, for the people who wait: `run 20261123-041500-abc123`. */
  readonly holder: string;
  readonly signal?: AbortSignal;
  /** Called once for each other holder that has to be waited for. */
  readonly onWait?: (holder: string) => void;
}

/** What a run says of itself when it begins. */
export interface RunMeta {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The pipeline file, as the person named it. */
  readonly file: string;
  readonly digest: Digest;
  readonly params: { readonly [name: string]: Json };
  /** Task → key, where the key is known before the run. */
  readonly plan: { readonly [task: string]: Key | null };
}

export interface RunFinish {
  readonly status: 'succeeded' | 'failed' | 'interrupted';
  readonly counts: { readonly [name: string]: number };
  readonly seconds: number;
}

export interface RunLog {
  /** Sorts by time: `20261123-041500-abc123`. */
  readonly id: string;
  /**
   * Adds a line to the run's events; written within a fifth of a second. An event's field `key` ties the run to that
   * result, so that garbage collection keeps it. A failed write is thrown by `finish`.
   */
  append(event: Json): void;
  finish(summary: RunFinish): Promise<void>;
}

export interface RunSummary {
  readonly id: string;
  readonly pipeline: string;
  readonly file: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  /**
   * As the run finished; else `running`, `died` (its process is gone) or `unknown` (it runs on a host that cannot be
   * asked and was silent for long).
   */
  readonly status: RunFinish['status'] | 'running' | 'died' | 'unknown';
  readonly finished?: string;
  readonly counts?: RunFinish['counts'];
  readonly seconds?: number;
}

export interface RunDetail extends RunSummary {
  readonly meta: RunMeta;
  /** Whole lines of `events.jsonl`, in order. A line cut off by a kill is left out. */
  readonly events: readonly Json[];
  /** Lines that are not JSON, a cut-off last one included. */
  readonly damagedLines: number;
}

export interface Runs {
  create(meta: RunMeta): Promise<RunLog>;
  /** Newest first. */
  list(): Promise<RunSummary[]>;
  /** A StoreError where there is no such run. */
  open(id: string): Promise<RunDetail>;
}

export interface Pin {
  readonly name: string;
  /** Keys of results or digests of blobs. */
  readonly targets: readonly Digest[];
  readonly created: string;
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
  readonly quarantined: number;
  readonly quarantinedBytes: number;
  readonly pins: number;
  readonly leases: number;
  /** Temporary files, those of live runs included. */
  readonly temporaryBytes: number;
}

export interface VerifyProgress {
  readonly phase: 'blobs' | 'results' | 'trees';
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
}

export interface Problem {
  readonly kind: 'blob' | 'result' | 'tree' | 'stray';
  readonly path: string;
  readonly problem: string;
  /** Where it was moved to; absent where the store is read-only or it was removed. */
  readonly quarantined?: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly blobs: number;
  readonly bytes: number;
  readonly results: number;
  readonly trees: number;
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
}

export interface GcReport {
  readonly dryRun: boolean;
  readonly results: number;
  readonly blobs: number;
  /** Freed, or to be freed. */
  readonly bytes: number;
  readonly trees: number;
  /** Temporary and quarantined files of processes that are gone. */
  readonly leftovers: number;
  readonly kept: { readonly results: number; readonly blobs: number; readonly bytes: number };
  /** Of `kept`: what stays only because it was written or used within the grace period or since a live run began. */
  readonly recent: { readonly results: number; readonly blobs: number; readonly bytes: number };
  /** The grace period. */
  readonly graceSeconds: number;
}

/** A store opened by `openStore`. Failures are `StoreError`s; `BlobDamaged` is one of them. */
export interface Store {
  readonly dir: string;
  readonly readOnly: boolean;

  /** Where a blob lies, or would; not checked. */
  blobPath(digest: Digest): string;
  /** Whether it exists with that size: one stat, for planning. */
  hasBlob(digest: Digest, size: number): Promise<boolean>;
  /** Stores a file's content. With `move` the file is taken away where that saves a copy. */
  putFile(path: string, options?: { readonly move?: boolean }): Promise<BlobInfo>;
  putText(text: string): Promise<BlobInfo>;
  /** The path of content checked against its digest (once a process). Missing or bad: BlobDamaged; bad is quarantined. */
  openVerified(digest: Digest): Promise<string>;

  /** `path`: a file, or a folder, which becomes a tree. With `move` files are taken away where that saves a copy. */
  putArtifact(type: string, path: string, options?: { readonly move?: boolean }): Promise<StoredArtifact>;
  /** The verified path of a file or a folder. Not to be written to. A tree needs a store that may be written to. */
  materialize(artifact: StoredArtifact): Promise<string>;
  /** A verified copy that shares nothing with the store, put in place by a rename. */
  exportArtifact(artifact: StoredArtifact, destination: string): Promise<void>;
  /** Whether all of its blobs are there, by their sizes. */
  artifactPresent(artifact: StoredArtifact): Promise<boolean>;
  /** Reads all of its content. Where any is missing or bad: BlobDamaged, after all that is bad was quarantined. */
  checkArtifact(artifact: StoredArtifact): Promise<void>;

  /** A damaged or foreign record is none, and is quarantined. */
  getResult(key: Key): Promise<ResultRecord | undefined>;
  /** Makes a result visible. Its blobs must be there (BlobDamaged). An earlier record of the key is replaced. */
  putResult(record: ResultRecord): Promise<void>;
  results(): AsyncIterable<ResultRecord>;
  /** The newest results whose fingerprint's `kind` is this, newest first. `limit` is 20 unless told. */
  nearest(kind: string, limit?: number): Promise<ResultRecord[]>;

  /** Waits until no live process has the key's lease, then has it. Look for the result again once you have it. */
  acquire(key: Key, options: AcquireOptions): Promise<Lease>;

  /** A fresh folder on the store's file system; removed by `removeScratch`, `close`, or after this process's death. */
  scratch(): Promise<string>;
  removeScratch(path: string): Promise<void>;

  /** The digest of a file outside the store, remembered by path, size, times and inode. */
  digestOfFile(path: string): Promise<BlobInfo>;

  readonly runs: Runs;
  /** Keeps results and blobs for ever; a pin of the same name is replaced. */
  pin(name: string, targets: readonly Digest[]): Promise<void>;
  /** False where there was no such pin. */
  unpin(name: string): Promise<boolean>;
  pins(): Promise<Pin[]>;

  status(): Promise<StoreStatus>;
  verify(onProgress?: (progress: VerifyProgress) => void): Promise<VerifyReport>;
  gc(options?: GcOptions): Promise<GcReport>;
  /** Releases leases and removes scratch folders. A store that is not closed is cleaned up after by the next one. */
  close(): Promise<void>;
}
