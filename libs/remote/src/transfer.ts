import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type Digest, digestsOf, type Key, type ResultRecord, type Store } from '@sonde/store';
import { decodeEntry, encodeEntry, MAX_ENTRY } from './entry.ts';
import { UNSAID } from './fetch.ts';
import type { Remote } from './remote.ts';

export interface GiveOptions {
  readonly secret?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Content that is sent whatever the remote says that it has. */
  readonly anew?: ReadonlySet<Digest>;
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
  { secret, signal, anew }: GiveOptions,
): Promise<number> {
  const sizes = new Map<Digest, number>();
  let sent = 0;
  for (const digest of new Set(digestsOf(record))) {
    // What is not there says so when it is opened; what is, is checked while it is sent.
    if ((await store.blobs.presence(digest)) !== 'here') await store.blobs.open(digest);
    const { size } = await stat(store.blobs.path(digest));
    sizes.set(digest, size);
    if (anew?.has(digest) !== true && (await remote.hasContent(digest, size))) continue;
    await remote.putContent({ digest, size }, store.blobs, signal);
    sent += size;
  }
  // Where the result came from is nothing that others need to know.
  const { remote: _remote, brought_from: _from, ...notes } = record.notes ?? {};
  const entry = encodeEntry({ ...record, notes }, sizes, secret);
  await remote.putEntry(record.key, entry);
  return sent + entry.length;
}

/** The sizes that a record gives of its contents: of all but the lists of an output's files. */
export function sizesIn(record: ResultRecord): Map<Digest, number> {
  return new Map(
    Object.values(record.outputs).flatMap(({ digest, size, files }) =>
      files === undefined ? [[digest, size]] : Object.values(files).map((file) => [file.digest, file.size] as const),
    ),
  );
}

/** What is wrong with a remote's copy of a result. */
export interface CopyProblem {
  /** The content that is not as it should be; absent: its entry. */
  readonly digest?: Digest;
  /** In words. */
  readonly problem: string;
}

/**
 * What is not as it should be in a remote's copy of a result; nothing is kept of what is read. Undefined where it has none.
 */
export async function problemsOfCopy(
  remote: Remote,
  key: Key,
  { secret, signal }: Pick<GiveOptions, 'secret' | 'signal'>,
): Promise<CopyProblem[] | undefined> {
  const entry = await remote.entry(key, MAX_ENTRY);
  if (entry === undefined) return undefined;
  const found = decodeEntry(entry, key, secret);
  if (typeof found === 'string') return [{ problem: `it has for ${key} ${found}` }];
  const sizes = sizesIn(found);
  const problems: CopyProblem[] = [];
  for (const digest of new Set(digestsOf(found))) {
    const content = await remote.content(digest, 0, signal);
    const problem =
      content === undefined ? 'is missing' : await problemOf(digest, content.parts, sizes.get(digest) ?? UNSAID);
    if (problem !== undefined) problems.push({ digest, problem: `${digest} ${problem}` });
  }
  return problems;
}

async function problemOf(digest: Digest, parts: AsyncIterable<Uint8Array>, limit: number): Promise<string | undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const part of parts) {
    size += part.length;
    if (size > limit) return `has more than its ${limit} bytes`;
    hash.update(part);
  }
  return `sha256:${hash.digest('hex')}` === digest ? undefined : 'is of other bytes';
}
