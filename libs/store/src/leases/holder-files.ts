import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, tolerate } from '../disk/files.ts';
import type { Layout } from '../disk/layout.ts';
import { identify, type ProcessIdentity } from './process.ts';

/** After so many beats without a sign of life a process on another host counts as dead. */
export const SILENT_BEATS = 12;

export const DEFAULT_BEAT = 5;

/** The file that says: this process works in the store. It is touched at every beat and removed at the end. */
export interface HolderFile extends ProcessIdentity {
  readonly id: string;
  readonly beatSeconds: number;
  /** When it began, in milliseconds of the file system's clock. */
  readonly since: number;
}

export async function writeHolder(layout: Layout, id: string, beatSeconds: number): Promise<HolderFile> {
  const beside = join(layout.holders, `.${id}`);
  const handle = await open(beside, 'w');
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
