import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { UserError } from '@sonde/base';
import { BlobDamaged, type Digest, type Store } from '@sonde/store';
import type { DataName } from './data-name.ts';
import { typeOfFile } from './files.ts';
import type { OutsideData } from './outside-data.ts';
import type { FetchHooks } from './remote.ts';

type Address = DataName & { readonly scheme: 'https' };

/** What lies at an `https:` address: its digest is written in the reference, its bytes are kept in the store. */
export function describeAddress(ref: Address, store: Store, offline: boolean): OutsideData {
  if (!URL.canParse(ref.target)) throw new UserError('data', `\`${ref.ref}\` is not an address.`);
  const digest: Digest = `sha256:${ref.sha256}`;
  let fetching: Promise<string> | undefined;
  return {
    type: typeOfFile(ref, new URL(ref.target).pathname),
    digest,
    async open(hooks) {
      try {
        return await store.blobs.open(digest);
      } catch (error) {
        if (!(error instanceof BlobDamaged)) throw error;
      }
      if (offline) {
        throw new UserError('data', `\`${ref.ref}\` is not in the store, and --offline forbids fetching it.`);
      }
      fetching ??= fetchBlob(ref, digest, store, hooks).finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
    missing: async () => ((await store.blobs.presence(digest)) === 'here' ? 0 : undefined),
    // The store checks it whenever it is read.
    files: () => [{ path: store.blobs.path(digest), digest }],
    changedFile: async () => undefined,
  };
}

async function fetchBlob({ ref, target }: Address, digest: Digest, store: Store, hooks: FetchHooks): Promise<string> {
  const folder = await store.scratch();
  try {
    const file = join(folder, 'fetched');
    await download(ref, target, file, hooks);
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

async function download(ref: string, url: string, file: string, { signal, progress }: FetchHooks): Promise<void> {
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
  const size = Number(response.headers.get('content-length'));
  let done = 0;
  const counted = new Transform({
    transform(chunk: Uint8Array, _encoding, pass) {
      done += chunk.length;
      if (size > 0) progress(Math.min(done, size), size);
      pass(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body as ReadableStream), counted, createWriteStream(file), { signal });
}
