import type { Key } from '../disk/digest.ts';

/** The right to compute one key. */
export interface Lease {
  readonly key: Key;
  /** Aborts when another process has taken the lease over, because this one seemed dead. */
  readonly lost: AbortSignal;
  /** Looks whether it is lost, and throws if it is: before what only its holder may do. */
  check(): Promise<void>;
  release(): Promise<void>;
}

export interface AcquireOptions {
  /** Who asks, for the people who wait: `run 20261123-041500-abc123`. */
  readonly holder: string;
  readonly signal?: AbortSignal;
  /** Called once for each other holder that has to be waited for. */
  readonly onWait?: (holder: string) => void;
}

/** Who computes what: each key is computed once, however many processes and hosts ask for it. */
export interface Leases {
  /** Waits until no live process has the key's lease, then has it. Look for the result again once you have it. */
  acquire(key: Key, options: AcquireOptions): Promise<Lease>;
  /** The key's lease, if no process has it that lives, or of which it is not yet known. */
  tryAcquire(key: Key, options: Pick<AcquireOptions, 'holder'>): Promise<Lease | undefined>;
  /** The keys whose lease somebody has, or has left behind: one look at a folder. */
  held(): Promise<ReadonlySet<Key>>;
}
