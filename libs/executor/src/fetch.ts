import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { UserError } from '@sonde/base';
import { BlobDamaged, type Digest, type Store } from '@sonde/store';

/** The path of an `https:` reference's content: from the store, else fetched, checked against its digest and kept. */
export async function fetchBlob(
  ref: string,
  target: string,
  digest: Digest,
  store: Store,
  options: { readonly offline: boolean; readonly signal: AbortSignal },
): Promise<string> {
  try {
    return await store.blobs.open(digest);
  } catch (error) {
    if (!(error instanceof BlobDamaged)) throw error;
  }
  if (options.offline) {
    throw new UserError('data', `\`${ref}\` is not in the store, and --offline forbids fetching it.`);
  }
  const folder = await store.scratch();
  try {
    const file = join(folder, 'fetched');
    await download(ref, `https://${target.replace(/^(https:)?\/\//, '')}`, file, options.signal);
    const found = await store.blobs.putFile(file, { move: true });
    if (found.digest !== digest) {
      throw new UserError(
        'data',
        `\`${ref}\` gave ${found.size} bytes whose digest is ${found.digest}; expected ${digest}.`,
        'If the new content is what you want, write its digest behind the address.',
      );
    }
  } finally {
    await store.removeScratch(folder);
  }
  return store.blobs.open(digest);
}

async function download(ref: string, url: string, file: string, signal: AbortSignal): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new UserError('data', `\`${ref}\` cannot be fetched: ${why}.`);
  }
  if (!response.ok || response.body === null) {
    throw new UserError('data', `\`${ref}\` cannot be fetched: the server answers ${response.status}.`);
  }
  await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(file), { signal });
}
