import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '@sonde/base';
import type { Context } from './context.ts';
import { checkedText, parseChecked } from './disk/checked.ts';
import { type BlobInfo, digestFile, isDigest } from './disk/digest.ts';
import { StoreError } from './disk/errors.ts';
import { careFor, lookAt, RACY_MS, type Sight } from './disk/sight.ts';

const ATTEMPTS = 3;

/** The digest of a file outside the store. It is read again only when its size, times or inode have changed. */
export async function digestOfFile(context: Context, path: string): Promise<BlobInfo> {
  const full = resolve(path);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await lookAt(full);
    if (!before.isFile) throw new StoreError('io', `${path} is not a file.`, { path });
    const known = remembered(context, full, before);
    if (known !== undefined) return known;
    const care = careFor(before, Date.now());
    if (care === 'wait') await delay(RACY_MS);
    const info = await digestFile(full);
    const after = await lookAt(full);
    if (before.identity !== after.identity) continue;
    if (care !== 'forget') await remember(context, full, after.identity, info);
    return info;
  }
  throw new StoreError('io', `${path} changes while it is read.`, {
    hint: 'Wait until nothing writes to it, then run again.',
    path,
  });
}

function remembered(context: Context, path: string, now: Sight): BlobInfo | undefined {
  let text: string;
  try {
    text = readFileSync(cacheFile(context, path), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  const entry = parseChecked(text) as { path?: unknown; identity?: unknown; digest?: unknown } | undefined;
  if (entry?.path !== path || entry.identity !== now.identity || !isDigest(entry.digest)) return undefined;
  return { digest: entry.digest, size: now.size };
}

async function remember(context: Context, path: string, identity: string, { digest }: BlobInfo): Promise<void> {
  // It only spares reading the file again: where nothing can be written, that is all that is lost.
  if (!(await context.canWrite())) return;
  const place = cacheFile(context, path);
  const beside = (await context.holder()).temporary();
  try {
    await writeFile(beside, checkedText({ path, identity, digest }));
    await mkdir(dirname(place), { recursive: true });
    await rename(beside, place);
  } finally {
    await rm(beside, { force: true });
  }
}

function cacheFile(context: Context, path: string): string {
  const name = createHash('sha256').update(path).digest('hex').slice(0, 40);
  return join(context.layout.index, 'files', `${name}.json`);
}
