import type { Stats } from 'node:fs';
import { rename, rm, stat, utimes } from 'node:fs/promises';
import { codeOf } from '@sonde/base';

/** What was used within this many milliseconds is not marked again: a hit then costs no write. */
export const MARK_AGAIN = 600_000;

/**
 * "Last used" is the ctime: the kernel or the file server sets it, no program can. Marking changes the mtime, which
 * says to `removeUnused` that somebody was here. False where the file is not there or cannot be marked.
 */
export async function markUsed(path: string, known: Pick<Stats, 'ctimeMs'>): Promise<boolean> {
  const now = new Date();
  if (Math.abs(now.getTime() - known.ctimeMs) < MARK_AGAIN) return true;
  try {
    await utimes(path, now, now);
    return true;
  } catch (error) {
    // Gone, another user's file, a file system that is full or mounted for reading: the caller knows what follows.
    if (['ENOENT', 'EPERM', 'EACCES', 'EROFS', 'ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')) return false;
    throw error;
  }
}

/**
 * Removes a file or folder last used before `limit`, unless somebody uses it at this very moment: it is moved aside,
 * looked at again, and put back when it is not what it was. Returns whether it was removed.
 */
export async function removeUnused(path: string, limit: number, aside: string): Promise<boolean> {
  try {
    const before = await stat(path, { bigint: true });
    if (Number(before.ctimeNs / 1_000_000n) >= limit) return false;
    await rename(path, aside);
    const moved = await stat(aside, { bigint: true });
    if (moved.ino !== before.ino || moved.mtimeNs !== before.mtimeNs) {
      await rename(aside, path);
      return false;
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
  return true;
}
