import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, tolerate } from '../disk/files.ts';
import type { Layout } from '../disk/layout.ts';
import { holderIds, readHolder } from './holder-files.ts';
import { lifeOf } from './process.ts';

/** Removes what processes of this host left when they died. Those of other hosts are left to `gc`. */
export async function sweep(layout: Layout, self: string): Promise<void> {
  // Folders first: a living process makes its holder file before its folder, so a folder without one is nobody's.
  const folders = await namesIn(layout.tmp);
  const dead: string[] = [];
  for (const id of new Set([...folders, ...(await holderIds(layout))])) {
    if (id === self) continue;
    const file = await readHolder(layout, id);
    if (file === undefined || lifeOf(file) === 'dead') dead.push(id);
  }
  await removeDead(layout, dead);
}

/** Another user's files, or files that a network file system still holds: to leave them harms nobody. */
const LEAVE = ['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM', 'EBUSY'];

/** Removes temporary files, leases and, last, the holder files of processes that are dead. */
export async function removeDead(layout: Layout, dead: readonly string[]): Promise<void> {
  if (dead.length === 0) return;
  const ids = new Set(dead);
  for (const key of await namesIn(layout.leases)) {
    if (key === 'holders') continue;
    for (const name of await namesIn(join(layout.leases, key))) {
      if (ids.has(name.split('.')[0] ?? '')) await tolerate(LEAVE, unlink(join(layout.leases, key, name)));
    }
    await tolerate(LEAVE, rmdir(join(layout.leases, key)));
  }
  for (const id of dead) {
    await tolerate(LEAVE, rm(join(layout.tmp, id), { recursive: true, force: true }));
    await tolerate(LEAVE, rm(layout.holder(id), { force: true }));
  }
}

/** As `removeDead`, in the one way that is left when a process ends. What fails is found by the next one. */
export function removeAtExit(layout: Layout, id: string): void {
  try {
    for (const key of readdirSync(layout.leases)) {
      if (key === 'holders') continue;
      const place = join(layout.leases, key);
      const own = readdirSync(place).filter((name) => name.startsWith(`${id}.`));
      for (const name of own) rmSync(join(place, name), { force: true });
      if (own.length > 0) rmdirSync(place);
    }
    rmSync(join(layout.tmp, id), { recursive: true, force: true });
    rmSync(layout.holder(id), { force: true });
  } catch {
    // Nobody is left to be told.
  }
}
