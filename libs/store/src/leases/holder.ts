import { randomBytes } from 'node:crypto';
import { mkdir, open as openFile, readFile, rename, rm, rmdir, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@sonde/base';
import { namesIn, tolerate } from '../disk/files.ts';
import { createLayout, type Layout } from '../disk/layout.ts';
import { identify, lifeOf, type ProcessIdentity } from './process.ts';

/** After so many beats without a sign of life a process on another host counts as dead. */
export const SILENT_BEATS = 12;
const DEFAULT_BEAT = 5;

/** The file that says: this process works in the store. It is touched at every beat and removed at the end. */
export interface HolderFile extends ProcessIdentity {
  readonly id: string;
  readonly beatSeconds: number;
  /** When it began, in milliseconds of the file system's clock. */
  readonly since: number;
}

export interface Holder {
  readonly id: string;
  readonly file: HolderFile;
  /** A new path in this process's own temporary folder, which exists. */
  temporary(): string;
  /** The file system's clock now, in milliseconds. */
  fileSystemTime(): Promise<number>;
  /** Called at every beat; the function returned ends that. */
  onBeat(listener: () => Promise<void>): () => void;
  /** Says that work (a lease, a run, a scratch folder) is open until the function returned is called. */
  begin(): () => void;
  /** How much work is open. */
  working(): number;
  close(): Promise<void>;
}

/** Begins to work in a store: shows that this process lives, and clears up after those of this host that died. */
export async function createHolder(layout: Layout, beatSeconds = DEFAULT_BEAT): Promise<Holder> {
  await createLayout(layout);
  const id = randomBytes(10).toString('hex');
  const path = layout.holder(id);
  const folder = join(layout.tmp, id);
  const file = await writeHolder(layout, id, beatSeconds);
  await mkdir(folder);
  await sweep(layout, id);

  const listeners = new Set<() => Promise<void>>();
  const open = new Set<symbol>();
  let count = 0;
  let beating: Promise<void> = Promise.resolve();
  const beat = async () => {
    const now = new Date();
    try {
      await utimes(path, now, now);
    } catch (error) {
      // Somebody took this process for dead (it was stopped for long): show again that it lives.
      if (codeOf(error) === 'ENOENT') await writeHolder(layout, id, beatSeconds);
    }
    for (const listener of [...listeners]) await listener();
  };
  const timer = setInterval(() => {
    // A beat that fails is made up for by the next: others only notice a long silence.
    beating = beating.then(beat).catch(() => undefined);
  }, beatSeconds * 1000);
  timer.unref();

  return {
    id,
    file,
    temporary: () => join(folder, String(count++)),
    async fileSystemTime() {
      const now = new Date();
      await utimes(path, now, now);
      return (await stat(path)).ctimeMs;
    },
    onBeat(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    begin() {
      const work = Symbol('work');
      open.add(work);
      return () => open.delete(work);
    },
    working: () => open.size,
    async close() {
      clearInterval(timer);
      await beating;
      await removeDead(layout, [id]);
    },
  };
}

async function writeHolder(layout: Layout, id: string, beatSeconds: number): Promise<HolderFile> {
  const beside = join(layout.holders, `.${id}`);
  const handle = await openFile(beside, 'w');
  try {
    await handle.write(' ');
    const file: HolderFile = { id, ...identify(), beatSeconds, since: (await handle.stat()).ctimeMs };
    await handle.truncate();
    await handle.write(`${JSON.stringify(file)}\n`, 0);
    await rename(beside, layout.holder(id));
    return file;
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

export async function readHolder(layout: Layout, id: string): Promise<HolderFile | undefined> {
  const text = await tolerate(['ENOENT'], readFile(layout.holder(id), 'utf8'));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as HolderFile;
  } catch {
    return { id, host: 'unknown', place: '', pid: 0, start: null, beatSeconds: DEFAULT_BEAT, since: 0 };
  }
}

/** The ids of all who work in the store, or died while they did. */
export async function holderIds(layout: Layout): Promise<string[]> {
  const names = await namesIn(layout.holders);
  return names.filter((name) => /^[0-9a-f]+\.json$/.test(name)).map((name) => name.slice(0, -5));
}

/** Removes what processes of this host left when they died. Those of other hosts are left to `gc`. */
async function sweep(layout: Layout, self: string): Promise<void> {
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
