import { join } from 'node:path';
import type { Context } from '../context.ts';
import type { Digest } from '../disk/digest.ts';
import { namesIn } from '../disk/files.ts';

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
