import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { codeOf } from '@sonde/base';
import { StoreError } from './errors.ts';
import { namesIn, publish, syncFolder, tolerate, writeFlushed } from './files.ts';
import { LAYOUT, type Layout, layoutOf, NAMES } from './layout.ts';

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
      hint: 'If this is one, `sonde store verify --repair` writes the marker anew; else name another folder as the store.',
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
    await writeMarker(layout);
  }
  const folders = [layout.blobs, layout.results, layout.trees, layout.holders, layout.runs, layout.tmp];
  for (const folder of [...folders, layout.quarantine, layout.index]) await mkdir(folder, { recursive: true });
  await syncFolder(layout.dir);
}

/**
 * Writes the marker of a store anew where it is lost or damaged, and everything else in the folder is a store's. Returns
 * whether that was needed.
 */
export async function repairMarker(folder: string): Promise<boolean> {
  const layout = layoutOf(resolve(folder));
  const text = await tolerate(['ENOENT'], readFile(layout.marker, 'utf8'));
  if (text !== undefined && readVersion(text) !== undefined) return false;
  const names = (await namesIn(layout.dir)).filter((name) => !name.startsWith('.'));
  if (text === undefined && names.length === 0) return false;
  const strange = names.find((name) => !NAMES.includes(name));
  const lacking = ['blobs', 'results'].find((name) => !names.includes(name));
  if (strange !== undefined || lacking !== undefined) {
    const why = strange === undefined ? `it has no folder ${lacking}` : `it holds ${strange}`;
    throw new StoreError('version', `${layout.dir} is not a Sonde store: ${why}.`, {
      hint: 'Name the folder of a store.',
      path: layout.dir,
    });
  }
  await writeMarker(layout);
  return true;
}

async function writeMarker(layout: Layout): Promise<void> {
  const beside = join(layout.dir, `.store-${randomUUID()}`);
  await writeFlushed(beside, `${JSON.stringify({ sonde: 'store', layout: LAYOUT })}\n`);
  await publish(beside, layout.marker);
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
  const seen = names.filter((name) => !name.startsWith('.') && name !== 'store.json');
  if (seen.length > 0 && !(await hasMarkerNow(dir))) {
    throw new StoreError('version', `${dir} is not a Sonde store: it holds ${seen[0]}, but no store.json.`, {
      hint: seen.every((name) => NAMES.includes(name))
        ? 'If it was one, `sonde store verify --repair` writes store.json anew; else name an empty or new folder.'
        : 'Name an empty or new folder as the store.',
      path: dir,
    });
  }
}

/** Another process may have made the store between the two looks. */
async function hasMarkerNow(dir: string): Promise<boolean> {
  return (await readdir(dir)).includes('store.json');
}
