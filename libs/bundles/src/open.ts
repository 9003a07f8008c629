import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import { type JsonValue, UserError } from '@sonde/base';
import { canonicalJson, type Digest, digestsOf, hasRoom, type ResultRecord, type Store } from '@sonde/store';
import { partialBeside, removeLeftovers } from './leftovers.ts';
import { contentEntry, fileEntry, paramsPath, refused } from './manifest.ts';
import type { Bundle } from './read.ts';

export interface Verified {
  readonly results: number;
  readonly contents: number;
  readonly bytes: number;
  /** Of the whole file: what two people compare. */
  readonly digest: Digest;
}

/** Reads all of a bundle and holds it against its digests; writes nothing. */
export async function verifyBundle(bundle: Bundle): Promise<Verified> {
  const { manifest } = bundle;
  for (const { key } of manifest.results) await bundle.record(key);
  for (const { path, digest } of manifest.files) for await (const _ of bundle.parts(fileEntry(path), digest));
  for (const { digest } of manifest.contents) await readThrough(bundle, digest);
  const hash = createHash('sha256');
  for await (const part of createReadStream(bundle.path)) hash.update(part as Buffer);
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  return { results: manifest.results.length, contents: manifest.contents.length, bytes: bundle.size, digest };
}

export interface Brought {
  /** Results that the store had not. */
  readonly results: number;
  /** Tasks whose result here has other bytes than the bundle's: the store's own stay. */
  readonly different: readonly string[];
}

/**
 * Brings the results of a bundle into a store. What the store has itself stays as it is, and is read in the bundle only
 * where all of it is to be checked.
 */
export async function bringResults(
  bundle: Bundle,
  store: Store,
  { checkAll = false }: { readonly checkAll?: boolean } = {},
): Promise<Brought> {
  const { manifest } = bundle;
  const fresh = new Map<string, ResultRecord>();
  const different: string[] = [];
  const wanted = new Set<Digest>();
  for (const { task, key } of manifest.results) {
    const record = await bundle.record(key);
    const found = await store.results.find(key);
    if (found.presence !== 'here') {
      fresh.set(key, record);
      for (const digest of digestsOf(record)) wanted.add(digest);
    } else if (!sameOutputs(found.record, record)) different.push(task);
  }
  const coming = manifest.contents.filter(({ digest }) => wanted.has(digest));
  await requireSpace(
    store.dir,
    coming.reduce((sum, { size }) => sum + size, 0),
  );
  for (const { digest, size } of manifest.contents) {
    const received = wanted.has(digest) && (await receive(bundle, store, digest, size));
    if (!received && checkAll) await readThrough(bundle, digest);
  }
  for (const record of fresh.values()) {
    for (const artifact of Object.values(record.outputs)) await store.artifacts.check(artifact);
    await store.results.put(record);
  }
  return { results: fresh.size, different };
}

function sameOutputs(a: ResultRecord, b: ResultRecord): boolean {
  const text = ({ outputs }: ResultRecord) => Object.entries(outputs).map(([name, { digest }]) => [name, digest]);
  return canonicalJson(Object.fromEntries(text(a))) === canonicalJson(Object.fromEntries(text(b)));
}

/** Holds a content against its digest. */
async function readThrough(bundle: Bundle, digest: Digest): Promise<void> {
  for await (const _ of bundle.parts(contentEntry(digest), digest));
}

/** False where the store has the content: then it is not read. */
async function receive(bundle: Bundle, store: Store, digest: Digest, size: number): Promise<boolean> {
  const incoming = await store.blobs.receive(digest, {
    holder: `opening ${path.basename(bundle.path)}`,
    size,
  });
  if (incoming === undefined) return false;
  let ended = false;
  try {
    await incoming.restart();
    for await (const part of bundle.parts(contentEntry(digest), digest)) {
      await incoming.append(part);
    }
    ended = true;
    if (!(await incoming.finish())) throw refused(path.basename(bundle.path), `${digest} is of other bytes`);
  } finally {
    if (!ended) {
      // What was refused is not worth going on with.
      await incoming.restart();
      await incoming.leave();
    }
  }
  return true;
}

/** Writes the files of a bundle into a folder that is not there yet; it appears whole. Returns the pipeline's path. */
export async function writeFiles(bundle: Bundle, folder: string): Promise<string> {
  const { manifest } = bundle;
  await requireNew(folder);
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  await requireSpace(path.dirname(folder), bytes);
  await removeLeftovers(folder);
  const partial = partialBeside(folder);
  try {
    await mkdir(partial);
    for (const { path: name, digest } of manifest.files) {
      const file = path.join(partial, ...name.split('/'));
      await mkdir(path.dirname(file), { recursive: true });
      await pipe(bundle.parts(fileEntry(name), digest), createWriteStream(file, { flags: 'wx', mode: 0o644 }));
    }
    if (manifest.params !== null) {
      const text = `${canonicalJson(manifest.params as JsonValue)}\n`;
      await writeFile(path.join(partial, ...paramsPath(manifest).split('/')), text, { flag: 'wx' });
    }
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return path.join(folder, ...manifest.pipeline.split('/'));
}

/** @throws UserError where something is there already */
export async function requireNew(folder: string): Promise<void> {
  if ((await lstat(folder).catch(() => undefined)) !== undefined)
    throw new UserError('usage', `${folder} exists already`, 'Name another folder, or take it away.');
}

/** Where `writeFiles` put the values of the parameters; undefined where the pipeline's own hold. */
export function paramsFileIn({ manifest }: Bundle, folder: string): string | undefined {
  return manifest.params === null ? undefined : path.join(folder, ...paramsPath(manifest).split('/'));
}

async function requireSpace(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (!(await hasRoom(folder, bytes)))
    throw new UserError('no-space', `the bundle needs ${bytes} bytes in ${folder}, and the disk has no room`);
}
