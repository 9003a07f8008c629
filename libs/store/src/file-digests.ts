import { createHash } from 'node:crypto';
import { type BigIntStats, readFileSync } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { codeOf } from '@sonde/base';
import type { Context } from './context.ts';
import { checkedText, parseChecked } from './disk/checked.ts';
import { type BlobInfo, digestFile, isDigest } from './disk/digest.ts';
import { StoreError } from './disk/errors.ts';

/**
 * A file can change twice within one tick of its file system's clock without showing it, so a digest taken within two
 * seconds of the last change is not remembered (git does the same: "racy git").
 */
const RACY = 2_000_000_000n;
const ATTEMPTS = 3;

/** The digest of a file outside the store. It is read again only when its size, times or inode have changed. */
export async function digestOfFile(context: Context, path: string): Promise<BlobInfo> {
  const full = resolve(path);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await stat(full, { bigint: true });
    if (!before.isFile()) throw new StoreError('io', `${path} is not a file.`, { path });
    const known = remembered(context, full, before);
    if (known !== undefined) return known;
    const started = BigInt(Date.now()) * 1_000_000n;
    const info = await digestFile(full);
    const after = await stat(full, { bigint: true });
    if (identityOf(before) !== identityOf(after)) continue;
    const settled = started - RACY;
    if (after.mtimeNs < settled && after.ctimeNs < settled) await remember(context, full, identityOf(after), info);
    return info;
  }
  throw new StoreError('io', `${path} changes while it is read.`, {
    hint: 'Wait until nothing writes to it, then run again.',
    path,
  });
}

function identityOf({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): string {
  return [size, mtimeNs, ctimeNs, ino, dev].join(' ');
}

function remembered(context: Context, path: string, now: BigIntStats): BlobInfo | undefined {
  let text: string;
  try {
    text = readFileSync(cacheFile(context, path), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  const entry = parseChecked(text) as { path?: unknown; identity?: unknown; digest?: unknown } | undefined;
  if (entry?.path !== path || entry.identity !== identityOf(now) || !isDigest(entry.digest)) return undefined;
  return { digest: entry.digest, size: Number(now.size) };
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
