import type { BigIntStats } from 'node:fs';
import { open, stat, statfs } from 'node:fs/promises';

/** A file outside the store as it shows itself: one that shows itself the same is taken to hold the same. */
export interface Sight {
  readonly isFile: boolean;
  /** In bytes. */
  readonly size: number;
  /** The same on every host that sees the file in the same file system. */
  readonly identity: string;
  /** When its content was written, and when anything of it changed: milliseconds since 1970 by its file system's clock. */
  readonly written: number;
  readonly changed: number;
  /** Whether every change of it shows in its times. */
  readonly tells: boolean;
}

/**
 * File systems of several hosts, by their number (statfs(2)): whoever mounts one gives it a device number of its own. Their
 * inodes and times are the server's.
 */
const SHARED: ReadonlySet<bigint> = new Set([
  0x6969n, // NFS
  0x0bd00bd0n, // Lustre
  0x47504653n, // GPFS
  0x00c36400n, // Ceph
  0x19830326n, // BeeGFS
  0xaad7aaean, // PanFS
  0xfe534d42n, // SMB 2 and later
]);
/** Counts whole seconds, and yet notes the time of each change. */
const LUSTRE = 0x0bd00bd0n;
const SECOND = 1_000_000_000n;

/** What a file shows now. It is opened, for a network file system asks its server only then whether it has changed. */
export async function lookAt(path: string): Promise<Sight> {
  const seen = await stat(path, { bigint: true });
  if (!seen.isFile()) return sightOf(seen, 0n);
  const file = await open(path, 'r');
  try {
    return sightOf(await file.stat({ bigint: true }), (await statfs(path, { bigint: true })).type);
  } finally {
    await file.close();
  }
}

type Shown = Pick<BigIntStats, 'isFile' | 'size' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev'>;

/** @param system the number of the file system's sort, by statfs(2) */
export function sightOf(seen: Shown, system: bigint): Sight {
  const { size, mtimeNs, ctimeNs, ino, dev } = seen;
  const place = SHARED.has(system) ? `shared ${system.toString(16)}` : String(dev);
  return {
    isFile: seen.isFile(),
    size: Number(size),
    identity: [size, mtimeNs, ctimeNs, ino, place].join(' '),
    written: Number(mtimeNs / 1_000_000n),
    changed: Number(ctimeNs / 1_000_000n),
    // Images and file systems in user space give times of their own making, in whole seconds.
    tells: ctimeNs % SECOND !== 0n || system === LUSTRE,
  };
}

/**
 * A file can change twice within one tick of its file system's clock without showing it, so a digest that was taken so soon
 * after a change is not remembered (git does the same: "racy git").
 */
export const RACY_MS = 2000;
/** The clock of this host and that of a file system may be so far apart. */
const SKEW_MS = 3_600_000;
/** What is smaller is as soon read as waited for. */
const SMALL = 2 ** 20;

/**
 * What makes a digest of the file safe to remember: nothing more; that it is taken only after `RACY_MS`, by whatever clock,
 * for then the change that its times tell of is at least so old; or it is not worth it, or cannot be had. A link to an old
 * file, which every session with a model makes, is a change and writes nothing.
 */
export function careFor({ written, changed, tells, size }: Sight, now: number): 'none' | 'wait' | 'forget' {
  if (!tells) return 'forget';
  if (now - written > SKEW_MS) return now - changed > RACY_MS ? 'none' : 'forget';
  return size < SMALL ? 'forget' : 'wait';
}
