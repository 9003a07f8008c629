import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, type Stats } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { treeIsWhole } from '../artifacts/tree-folders.ts';
import { isSafeName } from '../artifacts/trees.ts';
import type { TreeFiles } from '../artifacts/types.ts';
import type { Context } from '../context.ts';
import { type Digest, digestOf } from '../disk/digest.ts';
import { StoreError } from '../disk/errors.ts';
import { namesIn, tolerate } from '../disk/files.ts';
import { hasRoom } from '../disk/room.ts';
import { acquireLease, createLeases } from '../leases/leases.ts';
import type { Copies, Copy, CopySource, LendOptions } from './types.ts';

/** The lease under which room is made: one at a time. */
const ROOM = digestOf('sonde room for copies');
const CHUNK = 1 << 20;

/** A copy as others see it: `files` is there once it is whole. */
interface Found {
  readonly digest: Digest;
  readonly bytes: number;
  /** When it was last lent or given back, in milliseconds of the file system's clock. */
  readonly used: number;
  readonly isWhole: boolean;
}

/**
 * A copy is a folder `copies/<hex>/`: `bytes` says what it takes, and is touched when it is lent and given back; `readers/` has a
 * file for each that reads it, named for its holder; `files/` is renamed into place when it is whole. All that changes it
 * is done under its lease; only who reads it no longer says so at any time.
 */
export function createCopies(context: Context): Copies {
  const { layout } = context;
  const leases = createLeases(context);
  /** Files whose content this process has seen: digest, inode, time and size. */
  const seen = new Set<string>();

  return { lend, clean };

  async function lend(source: CopySource, options: LendOptions): Promise<Copy | undefined> {
    const files = await expected(source);
    const first = await enter(source, files, false, options);
    if (first === undefined || first.copied > 0 || (await usable(first.path, files))) return first;
    // Not what it was: made anew, by the first that finds it so.
    await first.release();
    return enter(source, files, true, options);
  }

  /** Makes the copy if it is not there, and shows that this process reads it. */
  async function enter(
    source: CopySource,
    files: TreeFiles,
    isDoubtful: boolean,
    options: LendOptions,
  ): Promise<Copy | undefined> {
    const place = layout.copy(source.digest);
    const path = join(place, 'files');
    const bytes = Object.values(files).reduce((sum, { size }) => sum + size, 0);
    const lease = await acquireLease(layout, await context.holder(), context.watch, leaseOf(source.digest), options);
    try {
      const isThere = isDoubtful ? await usable(path, files) : (await namesIn(place)).includes('files');
      if (!isThere && !(await reserve(source.digest, bytes, options))) return undefined;
      const reader = await announce(place);
      try {
        if (!isThere) await fill(place, source, options.signal);
      } catch (error) {
        await rm(place, { recursive: true, force: true });
        throw error;
      }
      return {
        path,
        copied: isThere ? 0 : bytes,
        isWhole: () => treeIsWhole(path, files, isSeen),
        release: () => leave(place, reader),
      };
    } finally {
      await lease.release();
    }
  }

  async function usable(folder: string, files: TreeFiles): Promise<boolean> {
    if (!(await treeIsWhole(folder, files, isSeen))) return false;
    for (const [name, { digest }] of Object.entries(files)) seen.add(seenAs(digest, await stat(join(folder, name))));
    return true;
  }

  function isSeen(digest: Digest, state: Pick<Stats, 'ino' | 'mtimeMs' | 'size'>): boolean {
    return seen.has(seenAs(digest, state));
  }

  /** Shows that this process reads it, and that it was used now. */
  async function announce(place: string): Promise<string> {
    const { id, temporary } = await context.holder();
    const reader = join(place, 'readers', `${id}.${basename(temporary())}`);
    await mkdir(dirname(reader), { recursive: true });
    await writeFile(reader, '');
    await markUsed(place);
    return reader;
  }

  async function leave(place: string, reader: string): Promise<void> {
    await tolerate(['ENOENT'], markUsed(place));
    await rm(reader, { force: true });
  }

  async function fill(place: string, { files }: CopySource, signal: AbortSignal | undefined): Promise<void> {
    const beside = (await context.holder()).temporary();
    try {
      for (const [name, { path, digest }] of Object.entries(files)) {
        const destination = join(beside, name);
        await mkdir(dirname(destination), { recursive: true });
        await copyChecked(path, destination, digest, signal);
        seen.add(seenAs(digest, await stat(destination)));
      }
      await rename(beside, join(place, 'files'));
    } finally {
      await rm(beside, { recursive: true, force: true });
    }
  }

  /** Makes room and takes it: whoever asks next sees it taken. */
  async function reserve(digest: Digest, bytes: number, options: LendOptions): Promise<boolean> {
    const lease = await acquireLease(layout, await context.holder(), context.watch, ROOM, options);
    try {
      const place = layout.copy(digest);
      await rm(place, { recursive: true, force: true });
      let others = await found();
      const fits = async () => {
        const taken = others.reduce((sum, each) => sum + each.bytes, 0);
        const coming = others.reduce((sum, each) => sum + (each.isWhole ? 0 : each.bytes), 0);
        return taken + bytes <= options.maxBytes && (await hasRoom(layout.dir, coming + bytes));
      };
      for (const other of others.toSorted((one, another) => one.used - another.used)) {
        if (await fits()) break;
        if (await remove(other.digest)) others = others.filter((each) => each !== other);
      }
      if (!(await fits())) return false;
      await mkdir(place, { recursive: true });
      await writeFile(join(place, 'bytes'), String(bytes));
      return true;
    } finally {
      await lease.release();
    }
  }

  async function found(): Promise<readonly Found[]> {
    const all: Found[] = [];
    for (const name of await namesIn(layout.copies)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      const digest: Digest = `sha256:${name}`;
      const file = join(layout.copy(digest), 'bytes');
      const [text, state] = await Promise.all([
        tolerate(['ENOENT'], readFile(file, 'utf8')),
        tolerate(['ENOENT'], stat(file)),
      ]);
      const isWhole = (await namesIn(layout.copy(digest))).includes('files');
      all.push({ digest, bytes: Number(text ?? 0), used: state?.mtimeMs ?? 0, isWhole });
    }
    return all;
  }

  /** Unless somebody makes it or reads it. */
  async function remove(digest: Digest): Promise<boolean> {
    const lease = await leases.tryAcquire(leaseOf(digest), { holder: 'the removal of copies' });
    if (lease === undefined) return false;
    try {
      const place = layout.copy(digest);
      for (const name of await namesIn(join(place, 'readers'))) {
        if ((await context.watch.look(name.split('.')[0] ?? '')) !== 'dead') return false;
      }
      const aside = (await context.holder()).temporary();
      await tolerate(['ENOENT'], rename(place, aside));
      await rm(aside, { recursive: true, force: true });
      return true;
    } finally {
      await lease.release();
    }
  }

  async function clean(unusedSeconds: number): Promise<number> {
    const holder = await context.currentHolder();
    if (holder === undefined) return 0;
    const limit = (await holder.fileSystemTime()) - unusedSeconds * 1000;
    let bytes = 0;
    for (const one of await found()) if (one.used <= limit && (await remove(one.digest))) bytes += one.bytes;
    return bytes;
  }
}

/** By a write, which has the file system set the time: this host's clock may be ahead of it, and `clean` compares with it. */
async function markUsed(place: string): Promise<void> {
  const file = join(place, 'bytes');
  await writeFile(file, await readFile(file), { flag: 'r+' });
}

function leaseOf(digest: Digest): Digest {
  return digestOf(`sonde copy ${digest}`);
}

function seenAs(digest: Digest, { ino, mtimeMs, size }: Pick<Stats, 'ino' | 'mtimeMs' | 'size'>): string {
  return `${digest} ${ino} ${mtimeMs} ${size}`;
}

async function expected({ digest, files }: CopySource): Promise<TreeFiles> {
  const entries = Object.entries(files).map(async ([name, file]) => {
    if (!isSafeName(name)) {
      throw new StoreError('corrupt', `The file name ${JSON.stringify(name)} of tree ${digest} leads out of it.`);
    }
    return [name, { digest: file.digest, size: (await stat(file.path)).size }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function copyChecked(
  source: string,
  destination: string,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(
    createReadStream(source, { highWaterMark: CHUNK }),
    async function* (parts: AsyncIterable<Buffer>) {
      for await (const part of parts) {
        hash.update(part);
        yield part;
      }
    },
    createWriteStream(destination, { flags: 'wx', mode: 0o444, highWaterMark: CHUNK }),
    signal === undefined ? {} : { signal },
  );
  if (`sha256:${hash.digest('hex')}` === digest) return;
  throw new StoreError('corrupt', `The content of ${source} is not what its digest says.`, { path: source });
}
