import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@sonde/base';
import { type Digest, hexOf } from './digest.ts';
import { StoreError } from './errors.ts';
import { syncFolder } from './files.ts';

export const LAYOUT = 1;

export interface Layout {
  readonly dir: string;
  readonly marker: string;
  readonly blobs: string;
  readonly results: string;
  readonly trees: string;
  readonly leases: string;
  readonly holders: string;
  readonly runs: string;
  readonly tmp: string;
  readonly quarantine: string;
  readonly index: string;
  readonly pins: string;
  blob(digest: Digest): string;
  result(key: Digest): string;
  tree(digest: Digest): string;
  lease(key: Digest): string;
  holder(id: string): string;
}

/** Where everything of a store lies: `docs/reference/store.md` is the page on it. */
export function layoutOf(dir: string): Layout {
  const sharded = (folder: string, digest: Digest, suffix: string) => {
    const hex = hexOf(digest);
    return join(dir, folder, hex.slice(0, 2), hex + suffix);
  };
  return {
    dir,
    marker: join(dir, 'store.json'),
    blobs: join(dir, 'blobs'),
    results: join(dir, 'results'),
    trees: join(dir, 'trees'),
    leases: join(dir, 'leases'),
    holders: join(dir, 'leases', 'holders'),
    runs: join(dir, 'runs'),
    tmp: join(dir, 'tmp'),
    quarantine: join(dir, 'quarantine'),
    index: join(dir, 'index'),
    pins: join(dir, 'pins.json'),
    blob: (digest) => sharded('blobs', digest, ''),
    result: (key) => sharded('results', key, '.json'),
    tree: (digest) => join(dir, 'trees', hexOf(digest)),
    lease: (key) => join(dir, 'leases', hexOf(key)),
    holder: (id) => join(dir, 'leases', 'holders', `${id}.json`),
  };
}

/** Whether a store is there. Throws a StoreError where it is a newer one, or where the folder is something else. */
export async function checkLayout(layout: Layout): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(layout.marker, 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await refuseForeignFolder(layout.dir);
    return false;
  }
  const version = readVersion(text);
  if (version === undefined) {
    throw new StoreError('corrupt', `${layout.marker} is not the marker of a Sonde store.`, {
      hint: `Name another folder as the store; or, if this is one, write {"sonde":"store","layout":${LAYOUT}} into that file.`,
      path: layout.marker,
    });
  }
  if (version !== LAYOUT) {
    throw new StoreError(
      'version',
      `The store ${layout.dir} has layout ${version}; this version of Sonde reads layout ${LAYOUT}.`,
      { hint: 'Use the version of Sonde that made it, or name another folder as the store.', path: layout.marker },
    );
  }
  return true;
}

/** Makes the folders and, first of all, the marker, so that a half-made store is known as one. */
export async function createLayout(layout: Layout): Promise<void> {
  if (!(await checkLayout(layout))) {
    await mkdir(layout.dir, { recursive: true });
    const beside = join(layout.dir, `.store-${randomUUID()}`);
    const file = await open(beside, 'wx');
    try {
      await file.writeFile(`${JSON.stringify({ sonde: 'store', layout: LAYOUT })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, layout.marker);
  }
  const folders = [layout.blobs, layout.results, layout.trees, layout.holders, layout.runs, layout.tmp];
  for (const folder of [...folders, layout.quarantine, layout.index]) await mkdir(folder, { recursive: true });
  await syncFolder(layout.dir);
}

function readVersion(text: string): number | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { sonde, layout } = value as { sonde?: unknown; layout?: unknown };
    return sonde === 'store' && typeof layout === 'number' ? layout : undefined;
  } catch {
    return undefined;
  }
}

/** A store cleans up in its own folders (`tmp`, `runs`, …): it must never begin in a folder with things of others. */
async function refuseForeignFolder(dir: string): Promise<void> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  const strange = names.find((name) => !name.startsWith('.') && name !== 'store.json');
  if (strange !== undefined && !(await hasMarkerNow(dir))) {
    throw new StoreError('version', `${dir} is not a Sonde store: it holds ${strange}, but no store.json.`, {
      hint: 'Name an empty or new folder as the store.',
      path: dir,
    });
  }
}

/** Another process may have made the store between the two looks. */
async function hasMarkerNow(dir: string): Promise<boolean> {
  return (await readdir(dir)).includes('store.json');
}
