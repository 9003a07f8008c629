import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** A path below a folder → what shows that the file was written to. */
type Snapshot = ReadonlyMap<string, string>;

/** Files that are looked at, at most; a folder with more is not watched. */
const MOST_FILES = 20_000;

/**
 * The files below a folder with size, time and inode; undefined where there are too many. Hidden ones, those of packages
 * and those of stores are passed over: they change for reasons of their own.
 */
export async function snapshotOf(folder: string): Promise<Snapshot | undefined> {
  const found = new Map<string, string>();
  const folders = [''];
  for (let below = folders.pop(); below !== undefined; below = folders.pop()) {
    const entries = await readdir(path.join(folder, below), { withFileTypes: true }).catch((): Dirent[] => []);
    if (entries.some(({ name }) => name === 'store.json')) continue;
    for (const entry of entries) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const name = path.join(below, entry.name);
      if (entry.isDirectory()) {
        folders.push(name);
        continue;
      }
      const state = await lstat(path.join(folder, name)).catch(() => undefined);
      if (state !== undefined) found.set(name, `${state.size} ${state.mtimeMs} ${state.ino}`);
      if (found.size + folders.length > MOST_FILES) return undefined;
    }
  }
  return found;
}

/** What differs between two looks at a folder: `made out.csv`, in order of names. */
export function changesBetween(before: Snapshot, after: Snapshot): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === is) return [];
    return [`${was === undefined ? 'made' : is === undefined ? 'removed' : 'changed'} ${name}`];
  });
}
