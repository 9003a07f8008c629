import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from './context.ts';
import { namesIn, tolerate } from './files.ts';
import { holderIds } from './holder.ts';
import { LAYOUT } from './layout.ts';
import { readPins } from './pins.ts';
import { recordKeys } from './results.ts';
import { runIds } from './runs.ts';
import type { Digest, StoreStatus } from './types.ts';

/** A file in a folder `blobs/ab/`; without a digest where its name or place is none of a blob. */
export interface BlobFile {
  readonly path: string;
  readonly digest: Digest | undefined;
}

/** All files below `blobs`, in order of digest. Hidden ones (`.nfs…`) belong to the file system. */
export async function* blobFiles(context: Context): AsyncIterable<BlobFile> {
  const { blobs } = context.layout;
  for (const shard of await namesIn(blobs)) {
    if (shard.startsWith('.')) continue;
    if (!/^[0-9a-f]{2}$/.test(shard)) {
      yield { path: join(blobs, shard), digest: undefined };
      continue;
    }
    for (const name of await namesIn(join(blobs, shard))) {
      if (name.startsWith('.')) continue;
      const good = /^[0-9a-f]{64}$/.test(name) && name.startsWith(shard);
      yield { path: join(blobs, shard, name), digest: good ? `sha256:${name}` : undefined };
    }
  }
}

export async function treeDigests(context: Context): Promise<Digest[]> {
  const names = await namesIn(context.layout.trees);
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name): Digest => `sha256:${name}`);
}

/** Bytes of a file, or of all files below a folder; 0 where nothing is. */
export async function bytesBelow(path: string): Promise<number> {
  const found = await tolerate(['ENOENT'], stat(path));
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size;
  let sum = 0;
  for (const name of await namesIn(path)) sum += await bytesBelow(join(path, name));
  return sum;
}

export async function countRecords(context: Context): Promise<number> {
  let count = 0;
  for await (const _ of recordKeys(context)) count += 1;
  return count;
}

export async function statusOf(context: Context): Promise<StoreStatus> {
  const { layout } = context;
  let [blobs, bytes] = [0, 0];
  for await (const { path } of blobFiles(context)) {
    blobs += 1;
    bytes += (await tolerate(['ENOENT'], stat(path)))?.size ?? 0;
  }
  const leased = (await namesIn(layout.leases)).filter((name) => name !== 'holders');
  let leases = 0;
  for (const key of leased) {
    for (const name of await namesIn(`${layout.leases}/${key}`)) {
      if ((await context.watch.look(name.split('.')[0] ?? '')) !== 'dead') leases += 1;
    }
  }
  const temporary = await Promise.all((await holderIds(layout)).map((id) => bytesBelow(join(layout.tmp, id))));
  return {
    dir: layout.dir,
    layout: LAYOUT,
    blobs,
    bytes,
    results: await countRecords(context),
    runs: (await runIds(context)).length,
    trees: (await treeDigests(context)).length,
    quarantined: (await namesIn(layout.quarantine)).length,
    quarantinedBytes: await bytesBelow(layout.quarantine),
    pins: (await readPins(context)).length,
    leases,
    temporaryBytes: temporary.reduce((sum, size) => sum + size, 0),
  };
}
