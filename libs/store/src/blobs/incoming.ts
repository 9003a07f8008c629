import { chmod, type FileHandle, mkdir, open, rm, stat } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { type Digest, digestFile } from '../disk/digest.ts';
import { publish, tolerate } from '../disk/files.ts';
import { guarded } from '../disk/guarded.ts';
import { acquireLease } from '../leases/leases.ts';
import type { AcquireOptions } from '../leases/types.ts';
import { type Follower, follow } from './follow.ts';
import type { Incoming } from './types.ts';

/** Bytes that are written at a time: a network's parts are small. */
const AT_ONCE = 1 << 20;
/** From so many bytes on, content is hashed by a thread while it arrives: less takes hardly longer than its start. */
const LARGE = 32 << 20;
/** So many bytes are flushed at a time while more arrive, so that the end waits for few. */
const FLUSHED = 128 << 20;

/**
 * Begins to receive content, or goes on where an earlier attempt of whatever process has ended: the bytes lie in
 * `incoming/<digest>`, and belong to who has the digest's lease. What is hashed is the file: so it does not matter who
 * wrote which part of it.
 */
export async function receive(
  context: Context,
  digest: Digest,
  isHere: () => Promise<boolean>,
  options: AcquireOptions,
): Promise<Incoming | undefined> {
  const { layout } = context;
  const lease = await acquireLease(layout, await context.holder(), context.watch, digest, options);
  try {
    if (await isHere()) {
      await lease.release();
      return undefined;
    }
    const path = layout.arriving(digest);
    await mkdir(layout.incoming, { recursive: true });
    let size = (await tolerate(['ENOENT'], stat(path)))?.size ?? 0;
    const file = await open(path, 'a', 0o600);
    let flushed = size;
    let flushing: Promise<void> = Promise.resolve();
    let follower: Follower | undefined;
    let gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    let writing: Promise<void> = Promise.resolve();
    /** Writes what is gathered once the write before it is done: meanwhile more may come. */
    const write = async () => {
      await writing;
      lease.lost.throwIfAborted();
      const [parts, bytes, upTo] = [gathered, gatheredBytes, size];
      [gathered, gatheredBytes] = [[], 0];
      writing = appendAll(file, parts, bytes).then(() => {
        if (upTo >= LARGE) follower ??= follow(path);
        follower?.grown(upTo);
        if (upTo - flushed < FLUSHED) return;
        flushed = upTo;
        flushing = flushing.then(() => file.datasync());
        flushing.catch(() => undefined);
      });
      // Whoever writes next, or ends, is told; so it is with what is flushed.
      writing.catch(() => undefined);
    };
    const written = async () => {
      await write();
      await writing;
    };
    const end = async () => {
      await follower?.end();
      // It waits for what is being written or flushed.
      await file.close();
      await lease.release();
    };
    const incoming: Incoming = {
      get size() {
        return size;
      },
      async append(part) {
        lease.lost.throwIfAborted();
        size += part.length;
        gathered.push(part);
        gatheredBytes += part.length;
        if (gatheredBytes >= AT_ONCE) await write();
      },
      async restart() {
        await writing.catch(() => undefined);
        writing = Promise.resolve();
        await follower?.end();
        follower = undefined;
        [gathered, gatheredBytes] = [[], 0];
        await file.truncate(0);
        [size, flushed] = [0, 0];
      },
      async finish() {
        try {
          await written();
          const found = follower === undefined ? (await digestFile(path)).digest : await follower.digest(size);
          if (found !== digest) {
            await rm(path, { force: true });
            return false;
          }
          await flushing;
          await file.sync();
          lease.lost.throwIfAborted();
          await chmod(path, 0o444);
          await publish(path, layout.blob(digest));
          return true;
        } finally {
          await end();
        }
      },
      async leave() {
        try {
          if (!lease.lost.aborted) await written();
          if (size === 0) await tolerate(['ENOENT'], rm(path));
        } finally {
          await end();
        }
      },
    };
    return guarded(incoming, layout.dir);
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** As they lie: a copy of them would cost as much as their digest. */
async function appendAll(file: FileHandle, parts: readonly Uint8Array[], bytes: number): Promise<void> {
  if (bytes === 0) return;
  const { bytesWritten } = await file.writev(parts);
  if (bytesWritten < bytes) await file.appendFile(Buffer.concat(parts).subarray(bytesWritten));
}
