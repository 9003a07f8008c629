import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type Digest, digestsOf, type Key, type ResultRecord, type Store } from '@sonde/store';
import { decodeEntry, encodeEntry, MAX_ENTRY } from './entry.ts';
import type { Remote } from './remote.ts';

export interface GiveOptions {
  readonly secret?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives a result to a remote: its contents first, those that are not there yet, and the entry last, so that nobody sees
 * half of it. Returns the bytes that were sent.
 *
 * @throws RemoteFailure; BlobDamaged where the store has not got all of it
 */
export async function giveResult(
  remote: Remote,
  store: Store,
  record: ResultRecord,
  { secret, signal }: GiveOptions,
): Promise<number> {
  const sizes = new Map<Digest, number>();
  let sent = 0;
  for (const digest of new Set(digestsOf(record))) {
    // What is not there says so when it is opened; what is, is checked while it is sent.
    if ((await store.blobs.presence(digest)) !== 'here') await store.blobs.open(digest);
    const { size } = await stat(store.blobs.path(digest));
    sizes.set(digest, size);
    if (await remote.hasContent(digest)) continue;
    await remote.putContent({ digest, size }, store.blobs, signal);
    sent += size;
  }
  // Where the result came from is nothing that others need to know.
  const { remote: _remote, brought_from: _from, ...notes } = record.notes ?? {};
  const entry = encodeEntry({ ...record, notes }, sizes, secret);
  await remote.putEntry(record.key, entry);
  return sent + entry.length;
}

/**
 * What is not as it should be in a remote's copy of a result, in words; nothing is kept of what is read. Undefined where
 * it has none.
 */
export async function problemsOfCopy(
  remote: Remote,
  key: Key,
  { secret, signal }: GiveOptions,
): Promise<string[] | undefined> {
  const entry = await remote.entry(key, MAX_ENTRY);
  if (entry === undefined) return undefined;
  const found = decodeEntry(entry, key, secret);
  if (typeof found === 'string') return [`it has for ${key} ${found}`];
  const problems: string[] = [];
  for (const digest of new Set(digestsOf(found))) {
    const content = await remote.content(digest, 0, signal);
    if (content === undefined) {
      problems.push(`${digest} is missing`);
      continue;
    }
    const hash = createHash('sha256');
    for await (const part of content.parts) hash.update(part);
    if (`sha256:${hash.digest('hex')}` !== digest) problems.push(`${digest} is of other bytes`);
  }
  return problems;
}
